"""A person signs in at a real OpenID provider in a real browser, sees what they may, and leaves."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tallystick_dashboard.session import COOKIE
from tallystick_dashboard.sign_on import BINDING_COOKIE
from tests import openid
from tests.e2e.people import PATIENCE_MS
from tests.openid import DASHBOARD, RESOURCE, SECRET
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.serving import Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@requirement("auth.sign-on")
def test_a_person_signs_in_at_the_issuer_and_arrives_where_they_wanted_to_go(
    browser: Browser, tmp_path: Path
) -> None:
    port = free_port()
    url, secret = f"http://127.0.0.1:{port}", tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    with openid.run([f"{url}/login/oidc/callback"]) as provider, browser.new_context() as context:
        options = (
            *("--oidc-issuer", provider.issuer, "--public-url", RESOURCE),
            *("--oidc-grants", "groups=auditors->auditor", "--oidc-client-id", DASHBOARD),
            *("--oidc-client-secret-file", str(secret), "--dashboard-url", url),
            *("--dashboard-port", str(port)),
        )
        service = Service(tmp_path / "service", options).start()
        try:
            context.set_default_timeout(PATIENCE_S * 1000)
            page = context.new_page()
            page.goto(f"{url}/integrity")
            page.get_by_role("link", name="Sign in with").click()
            page.locator("input[name=login]").fill("ada")
            page.locator("input[name=password]").fill("any")
            page.locator("button[type=submit]").click()
            page.get_by_role("button", name="Continue").click()
            page.wait_for_url(f"{url}/integrity")
            expect(page.get_by_text(re.compile("Ada Lovelace"))).to_be_visible(timeout=PATIENCE_MS)
            cookies = {one["name"] for one in context.cookies(url)}
            assert (COOKIE in cookies, BINDING_COOKIE in cookies) == (True, False)
            page.goto(f"{url}/logout")
            expect(page.get_by_role("link", name="Sign in with")).to_be_visible(timeout=PATIENCE_MS)
        finally:
            service.kill()
