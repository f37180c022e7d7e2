"""no-capset.py COMMAND ...: runs a command that may not call capset, as under a filter of system calls of systemd."""

import ctypes
import os
import platform
import sys

LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
CAPSET = {"x86_64": 126, "aarch64": 91}[platform.machine()]


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction))]


instructions = (Instruction * 4)(
    (LOAD_NUMBER, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, CAPSET), (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)
)
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(4, instructions)), 0, 0) != 0:
    sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[1], sys.argv[1:])
