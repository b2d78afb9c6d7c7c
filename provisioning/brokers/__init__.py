"""A broker's configuration as text, for four engines from one model: who may do what, with which certificates, and how much."""
