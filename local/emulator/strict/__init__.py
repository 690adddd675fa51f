"""The emulator with the checks that AWS makes and it leaves out.

Each module replaces functions of the emulator, in its own process. Their names are private, so they hold only for the
version that ``local/requirements.txt`` pins; a function that is missing stops the start. Remove a module once the
emulator makes its checks itself.
"""
