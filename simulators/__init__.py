"""Simulated hardware, brokers, networks and sites, one level below the product, which runs on them unmodified."""
