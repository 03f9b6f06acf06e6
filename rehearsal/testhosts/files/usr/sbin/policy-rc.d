#!/bin/sh
# Packages start nothing by themselves: services of a host are those in /etc/service.
exit 101
