"""Names that belong to MicroPython: what its objects are asked for. Whatever has such a name keeps it, whoever it belongs to.

What is asked of a module (``time.ticks_ms``) needs no list. A test compares with the unix port.
"""

ATTRIBUTES = frozenset(
    """
    accept aclose acquire add append args awrite awritestr bind buffer call_exception_handler cancel center chdir clear close
    connect copy coro count create_task current_task data decode default_exception_handler deleter difference difference_update
    digest discard done drain e encode endswith errno errorcode exc extend fileno find flush format from_bytes fromhex fromkeys get
    get_ciphers get_exception_handler get_extra_info getcwd getpeercert getter getvalue hex ilistdir index insert intersection
    intersection_update ioctl ipoll is_set isalpha isdigit isdisjoint islower isspace issubset issuperset isupper items join keys
    listen load_cert_chain load_verify_locations locked lower lstrip makefile map mkdir mkfs modify mount off on open out_buf
    partition peek pend_throw ph_key poll poller pop popitem popleft push queue_read queue_write read readexactly readinto readline
    readlines recv recvfrom register release remove rename replace reverse rfind rindex rmdir rpartition rsplit rstrip run_forever
    run_until_complete s seek send sendall sendto set set_ciphers set_exception_handler setblocking setdefault setsockopt setter
    settimeout sort split splitlines startswith stat state statvfs stop strip symmetric_difference symmetric_difference_update task
    tell throw to_bytes umount union unregister update upper value values verify_mode version wait wait_closed wait_io_event waiting
    wrap_socket write

    active atten block callback cipher commit config datetime deinit disconnect duty duty_ns duty_u16 erase_key feed freq get_blob
    get_i32 handler ifconfig init ipconfig irq isconnected mac_filter memory mode number patterns period pull pulse_width read_u16
    read_uv readblocks readfrom readfrom_into readfrom_mem readfrom_mem_into scan set_blob set_i32 start status timeout toggle
    trigger width writeblocks writeto writeto_mem writevto
    """.split()  # noqa: SIM905  far shorter than a list
)
"""Attributes and methods of MicroPython's objects, and of the ESP32's hardware."""
