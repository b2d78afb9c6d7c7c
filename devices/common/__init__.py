"""What device kinds share: contacts, alarms, readiness, the settings' check, the lamp's language. Pure, and names no kind."""
