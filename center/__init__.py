"""The operations center: verify, store, receipt, and hand on what devices sign."""
