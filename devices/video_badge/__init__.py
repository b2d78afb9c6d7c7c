"""The body-worn video badge. Importing this package loads neither camera nor cryptography."""
