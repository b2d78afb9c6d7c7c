"""The inventory: which device hangs where, how far its installation is, and the claim with which it may enrol. One SQLite file.

Start at `provisioning.inventory.inventory.Inventory`. Holds no key and no certificate. This package file imports nothing.
"""
