"""The way to the operations center: brokers, connections, what is sent when. It delivers; only a signed receipt settles."""
