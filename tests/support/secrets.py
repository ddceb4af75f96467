"""Secrets to be removed and ordinary lines to be left alone.

The secrets are put together when they are asked for, so that no file of ours holds one, and no scanner finds any here.
None of them opens anything.
"""

import base64
import random
from pathlib import Path

import msgspec

MIXED = "aB3dE5gH7jK9mN2pQ4sT6vW8xY1zC0fL"
HEX = "0123456789abcdef"
_LOWER = "x7k2m9q4w8e5r3t6y1u0i2o7p4a9s8d6"


class Secret(msgspec.Struct, frozen=True):
    """One secret as it comes in a text."""

    kind: str
    text: str  #: what is said
    secret: str  #: what of it nobody may find again


def _whole(kind: str, *parts: str) -> Secret:
    text = "".join(parts)
    return Secret(kind, text, text)


def _in(kind: str, before: str, secret: str, after: str = "") -> Secret:
    return Secret(kind, before + secret + after, secret)


def pem(kind: str, newline: str = "\n") -> str:
    """Return a private key of ours in its frame; nothing but the frame is real."""
    rows = [MIXED + MIXED, MIXED[::-1] + MIXED, MIXED + "=="]
    return newline.join([f"-----BEGIN {kind}-----", *rows, f"-----END {kind}-----"])


def tokens() -> list[Secret]:
    """Return secrets that are known by their shape."""
    return [
        _whole("AWS key", "AKIA", "ABCDEFGH234567ZY"),
        _whole("AWS key", "ASIA", "QRSTUVWX765432AB"),
        _whole("Anthropic key", "sk-", "ant-", "api03-", MIXED),
        _whole("OpenAI key", "sk-", "proj-", MIXED),
        _whole("OpenAI key", "sk-", MIXED, MIXED[:16]),
        _whole("OpenRouter key", "sk-", "or-v1-", HEX * 4),
        _whole("GitHub token", "ghp", "_", MIXED, "abcd"),
        _whole("GitHub token", "ghs", "_", MIXED, "abcd"),
        _whole("GitHub token", "github", "_pat_", MIXED, "_", MIXED),
        _whole("GitLab token", "glpat", "-", MIXED[:20]),
        _whole("Slack token", "xoxb", "-123456789012-", MIXED),
        _whole("Slack token", "xapp", "-1-A0123456789-", MIXED),
        _in("Slack webhook", "https://hooks.slack" + ".com/", "services/T00A1B2C3/B00A1B2C3/" + MIXED[:24]),
        _in("Discord webhook", "https://discord.com/api" + "/webhooks/", "123456789012345678/" + MIXED * 2),
        _whole("Stripe key", "sk", "_live_", MIXED[:24]),
        _whole("Stripe key", "whsec", "_", MIXED),
        _whole("Google key", "AI", "za", MIXED, "abc"),
        _whole("Google token", "ya29", ".", MIXED),
        _whole("npm token", "npm", "_", MIXED, "abcd"),
        _whole("PyPI token", "pypi-", "AgEIcHlwaS5vcmc", MIXED * 2),
        _whole("RubyGems key", "rubygems", "_", HEX * 3),
        _whole("Docker token", "dckr", "_pat_", MIXED),
        _whole("Hugging Face token", "hf", "_", MIXED),
        _whole("SendGrid key", "SG", ".", MIXED[:22], ".", MIXED, MIXED[:11]),
        _whole("Twilio key", "SK", HEX * 2),
        _whole("Mailgun key", "key", "-", HEX * 2),
        _whole("Mailchimp key", HEX * 2, "-us", "12"),
        _whole("DigitalOcean token", "dop", "_v1_", HEX * 4),
        _whole("Shopify token", "shpat", "_", HEX * 2),
        _whole("Telegram token", "123456789", ":", "AA", MIXED, "x"),
        _whole("Databricks token", "dapi", HEX * 2),
        _whole("Linear key", "lin", "_api_", MIXED, MIXED[:8]),
        _whole("Notion token", "ntn", "_", MIXED, MIXED[:14]),
        _whole("Vault token", "hvs", ".", MIXED),
        _whole("Doppler token", "dp", ".pt.", MIXED, MIXED[:8]),
        _whole("Groq key", "gsk", "_", MIXED, MIXED[:20]),
        _whole("Terraform token", MIXED[:14], ".atlasv1.", MIXED * 2),
        _whole("age key", "AGE-SECRET", "-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2),
        _whole("JSON web token", "eyJ", MIXED, ".eyJ", MIXED, ".", MIXED),
        _whole("private key", pem("OPENSSH " + "PRIVATE KEY")),
        _whole("private key", pem("RSA " + "PRIVATE KEY")),
        _whole("private key", pem("PGP " + "PRIVATE KEY BLOCK")),
        _whole("private key", pem("EC " + "PRIVATE KEY", "\\n")),
    ]


def settings() -> list[Secret]:
    """Return secrets that are known by their place."""
    long = MIXED + "/+" + "abcdef"
    return [
        _in("password", "postgres://app:", "s3cr3t!pw", "@db.internal:5432/app"),
        _in("password", "postgres://app:", "p@ssw0rd9", "@db.internal:5432/app"),
        _in("password", "git clone https://bob:", "hunter22", "@git.corp/x.git"),
        _in("password", "redis://:", "p4ssw0rd9", "@cache:6379/0"),
        _in("password", '{"url": "amqp:\\/\\/bob:', "hunter22", '@mq\\/v"}'),
        _in("authorization", "Authorization: " + "Bearer ", MIXED),
        _in("authorization", "curl -H 'authorization: " + "Basic ", "dXNlcjpwYXNzd29yZA==", "'"),
        _in("secret", "SECRET" + "_KEY=", "kd93kd02kf83"),
        _in("password", "export DB_PASS" + "WORD='", "correct-horse-7", "'"),
        _in("password", "MYSQL_P" + "ASS=", "hunter2"),
        _in("password", "PGPASS" + "WORD=", "Tr0ub4dor&3", " psql -h db"),
        _in("secret", "A=1\nSTRIPE_API" + "_KEY = ", "abcdef123456", "  # live\nB=2"),
        _in("secret", "client_sec" + 'ret: "', "q8W2-zz91-PPk3", '"'),
        _in("password", '{"pass' + 'word": "', "Tr0ub4dor&3", '"}'),
        _in("password", '{\\"pass' + 'word\\": \\"', "Tr0ub4dor&3", '\\", \\"a\\": 1}'),
        _in("secret", "api" + "_key := `", "k3y-0f-s0me-length", "`"),
        _in("secret", "const apiKey: string = '", _LOWER, "'"),
        _in("secret", "cfg['auth_tok" + "en'] = \"", _LOWER, '"'),
        _in("password", "spring.datasource.pass" + "word=", "hunter22x", "\nspring.jpa=1"),
        _in("password", "db:\n  user: app\n  pass" + "word: ", "hunter22x", "\n  port: 5432"),
        _in("password", "- **Pass" + "word**: ", "hunter22x"),
        _in("secret", "//registry.example.org/:_auth" + "Token=", "1f0c2a8e-77d1-4f5c-9d8e-0a1b2c3d4e5f"),
        _in("AWS key", "aws_secret_access" + "_key = ", long),
        _in(
            "Azure key", "DefaultEndpointsProtocol=https;AccountName=a;Account" + "Key=", long * 2, ";EndpointSuffix=x"
        ),
        _in("password", "Server=db;User Id=sa;Pass" + "word=", "Hunter2!", ";Timeout=30"),
        _in("password", "machine git.corp login bob pass" + "word ", "hunter22"),
        _in("password", "log in with user=bob and pass" + "word=", "xK9mQ2vLp7R", ", then retry"),
        _in("password", "curl -u bob:", "hunter22", " https://git.corp"),
        _in("secret", "<server><pass" + "word>", "hunter22x", "</pass" + "word></server>"),
        _in("secret", "GET /v1?user=1&access_tok" + "en=", _LOWER, "&x=2"),
        _in("secret", 'curl -H "X-Api-' + "Key: ", _LOWER, '" https://api'),
        _in("secret", "deploy --api-" + "key ", _LOWER, " --now"),
        _in("private key", "", "-----BEGIN " + "PRIVATE KEY-----\n" + MIXED * 2 + "\n" + MIXED[:20], ""),
        _in("private key", "", "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQ", "\nand it was cut here"),
        _in("GitHub token", 'log: "done\\n', "gh" + "p_" + MIXED + "abcd", '\\n"'),
        _in("GitHub token", "https://x-access-token:", "gh" + "p_" + MIXED + "abcd", "@github.com/a/b"),
        _in("GitHub token", "https://e.org/?next=a%3D", "gh" + "p_" + MIXED + "abcd"),
    ]


def ordinary_lines() -> list[str]:
    """Return lines as developers have them, with nothing secret in them."""
    lines = Path(__file__).with_name("ordinary_lines.txt").read_text("utf-8").splitlines()
    made = random.Random(4)  # noqa: S311 nothing is to be kept from anybody
    for size in (20, 32, 64) * 6:
        lines += [f"{size}: {made.randbytes(size).hex()}", base64.b64encode(made.randbytes(size * 9)).decode()]
    return lines
