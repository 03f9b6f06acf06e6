# The worker: who it is and whom it asks comes with the job.
import configparser
from pathlib import Path

from buildbot_worker.bot import Worker
from twisted.application import service

said = configparser.ConfigParser()
said.read("/local/config.ini")

application = service.Application("buildbot-worker")
Worker(
    said["buildbot"]["host"],
    int(said["buildbot"]["worker-port"]),
    said["worker"]["name"],
    Path("/secrets/buildbot/worker-password").read_text().strip(),
    "/workdir",
    keepalive=600,
).setServiceParent(application)
