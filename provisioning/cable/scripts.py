"""What a board is asked at its prompt, as the code that it runs: each piece prints one line of JSON, or what is said here.

No part of the firmware: a board may be blank, and whatever these need is in MicroPython itself.
"""

FACTS = """
import sys,json,os
i=sys.implementation
f={'name':i.name,'version':list(i[1][:3]),'mpy':getattr(i,'_mpy',0)&0xff,'sub':getattr(i,'_mpy',0)>>8&3,'machine':getattr(i,'_machine',sys.platform)}
try:
 import machine,esp32,network
 f['esp32']=hasattr(esp32,'raw_temperature')
except ImportError:
 f['esp32']=False
if f['esp32']:
 from binascii import hexlify
 f['serial']=hexlify(machine.unique_id()).decode()
 s=os.statvfs('/')
 f['free']=s[0]*s[3]
 f['bytes']=s[0]*s[2]
 try:
  with open('/device.json') as o:
   f['id']=json.load(o)['device']['id']
 except (OSError,ValueError,KeyError,TypeError):
  pass
 f['root']=os.listdir('/')
print(json.dumps(f))
"""
"""What it is: chip, MicroPython, serial number, room, and whose identity it bears."""

DIGESTS = """
import os,json
from hashlib import sha256
from binascii import hexlify
def _t(p):
 for e in os.ilistdir(p or '/'):
  q=p+'/'+e[0]
  if e[1]&0x4000:
   if q!='/journal':
    _t(q)
  elif q!='/keys/device.key':
   h=sha256()
   with open(q,'rb') as o:
    while 1:
     b=o.read(1024)
     if not b:
      break
     h.update(b)
   print(json.dumps([q,hexlify(h.digest()).decode()]))
_t('')
"""
"""The SHA-256 of every file but the key and the journal's, one JSON pair a line."""

REMOVE = """
import os
def _r(p):
 try:
  m=os.stat(p)[0]
 except OSError:
  return
 if m&0x4000:
  for e in os.listdir(p):
   _r(p+'/'+e)
  os.rmdir(p)
 else:
  os.remove(p)
for p in {paths!r}:
 _r(p)
"""
"""Remove files and folders, as far as they are there."""

FOLDERS = """
import os
for p in {paths!r}:
 try:
  os.mkdir(p)
 except OSError as e:
  if e.errno!=17:
   raise
"""
"""Make folders, in this order, that may be there already."""

HELPER = "/.helper"
CALL = """
import sys,network
sys.path.insert(0,{folder!r})
try:
 import {module}
 {call}
finally:
 sys.path.remove({folder!r})
 sys.modules.pop({module!r},None)
"""
"""Load a helper and call it."""
