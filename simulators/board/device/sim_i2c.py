# The I2C bus: bytes go to the host's chips and come back while the caller waits.
import sim_bus

_ENODEV = 19
_NO_READ = -1


class I2C:
    """One bus. A chip that does not acknowledge is OSError(ENODEV), as on the ESP32."""

    def __init__(self, id=-1, *, scl=None, sda=None, freq=400000, timeout=50000):
        self._bus = id if id >= 0 else 0

    def scan(self):
        found = []
        for address in range(0x08, 0x78):
            if self._transfer(address, b"", _NO_READ)[0] >= 0:
                found.append(address)
        return found

    def writeto(self, address, data, stop=True):
        return self._done(address, data, _NO_READ)[0]

    def writevto(self, address, vector, stop=True):
        return self.writeto(address, b"".join([bytes(part) for part in vector]))

    def readfrom(self, address, n, stop=True):
        return self._done(address, b"", n)[1]

    def readfrom_into(self, address, buffer, stop=True):
        buffer[:] = self.readfrom(address, len(buffer))

    def writeto_mem(self, address, register, data, *, addrsize=8):
        self.writeto(address, register.to_bytes(addrsize // 8, "big") + data)

    def readfrom_mem(self, address, register, n, *, addrsize=8):
        return self._done(address, register.to_bytes(addrsize // 8, "big"), n)[1]

    def readfrom_mem_into(self, address, register, buffer, *, addrsize=8):
        buffer[:] = self.readfrom_mem(address, register, len(buffer), addrsize=addrsize)

    def _done(self, address, data, n):
        value, payload = self._transfer(address, data, n)
        if value < 0:
            raise OSError(-value)
        return value, payload

    def _transfer(self, address, data, n):
        return sim_bus.call(sim_bus.I2C, address, n, self._bus, bytes(data))


class SoftI2C(I2C):
    """The same bus, made by software on a board."""

    def __init__(self, scl=None, sda=None, *, freq=400000, timeout=50000):
        I2C.__init__(self, 0, scl=scl, sda=sda, freq=freq, timeout=timeout)
