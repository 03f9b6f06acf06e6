"""GitHub's own interface, as far as verbs need it: memberships, issues and their comments."""

from __future__ import annotations

import os
from typing import Any

import httpx

from model import Fleet

TOKEN = "GITHUB_TOKEN"
BASE = "GITHUB_BASE_URL"
PUBLIC = "https://api.github.com"


class GithubError(Exception):
    """What GitHub said no to, or that it did not answer; for the person at the terminal."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Github:
    """One organisation, asked with the token of the environment, which is shown nowhere."""

    def __init__(self, organisation: str, *, base: str | None = None, token: str | None = None) -> None:
        self.organisation = organisation
        self.base = (base or os.environ.get(BASE) or PUBLIC).rstrip("/")
        self._token = token or os.environ.get(TOKEN, "")

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """One request; its answer as JSON. Raises GithubError."""
        if not self._token:
            raise GithubError(f"no token for GitHub: set {TOKEN}")
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        try:
            with httpx.Client(timeout=15.0, headers=headers) as client:
                answer = client.request(method, f"{self.base}{path}", json=body, params=params or None)
        except httpx.HTTPError as error:
            raise GithubError(f"GitHub at {self.base} does not answer ({error or type(error).__name__})") from None
        if answer.status_code >= 300:
            raise GithubError(f"GitHub refuses {method} {path}: {_said(answer)}", answer.status_code)
        return answer.json() if answer.content else None

    def login(self, number: int) -> str | None:
        """What somebody is called by now; None where the account is gone. The number is who they are."""
        try:
            return str(self.ask("GET", f"/user/{number}")["login"])
        except GithubError as error:
            if error.status == 404:
                return None
            raise

    def remove(self, number: int) -> list[str]:
        """Take somebody out of the organisation, and so out of all its teams; an invitation is taken back."""
        login = self.login(number)
        if login is None:
            return []
        try:
            self.ask("DELETE", f"/orgs/{self.organisation}/memberships/{login}")
        except GithubError as error:
            if error.status == 404:
                return []
            raise
        return [f"took {login} ({number}) out of the organisation {self.organisation} and its teams"]


def organisation(fleet: Fleet) -> str | None:
    """The organisation's name; None where the data names none."""
    return fleet.github.organisation.name if fleet.github is not None else None


def _said(answer: httpx.Response) -> str:
    try:
        said = answer.json()
        return f"{answer.status_code} {said.get('message', '')}".strip()
    except ValueError:
        return str(answer.status_code)
