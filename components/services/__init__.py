"""Services that need nothing but a job: each becomes one."""
