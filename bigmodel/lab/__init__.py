"""Everything that starts, installs, copies, executes and publishes; nobody reads it to learn about models."""
