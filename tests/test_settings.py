"""Options: defaults, what is refused, what the environment gives, and that no secret shows."""

import dataclasses
import inspect
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.node import address_of
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import (
    DEFAULT_NODES,
    Credentials,
    HttpOptions,
    Node,
    RetryPolicy,
    Settings,
    SoapOptions,
    Timeouts,
    parse_nodes,
)
from tests.support.exposure import shown

KEY = "1837/ptf9Bs9Apk4EgyP4gUCy2ajwffVchwaR"
HALF = KEY.split("/")[1]
PASSWORD = "hunter2-correct-horse"
NODE = "https://api.smstraffic.ru"


def refused(make: Any, *words: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)
    exposed = shown(caught.value)
    assert HALF not in exposed
    assert PASSWORD not in exposed
    return caught.value


# Nodes


@pytest.mark.parametrize(
    "given,url,name",
    [
        ("https://api.smstraffic.ru", "https://api.smstraffic.ru", "api.smstraffic.ru"),
        (" https://api.smstraffic.ru/ ", "https://api.smstraffic.ru", "api.smstraffic.ru"),
        ("HTTPS://API.SMSTRAFFIC.RU", "https://api.smstraffic.ru", "api.smstraffic.ru"),
        ("https://api.smstraffic.ru:443", "https://api.smstraffic.ru", "api.smstraffic.ru"),
        ("https://host:8443/gate/way/", "https://host:8443/gate/way", "host:8443"),
        ("http://127.0.0.1:8725", "http://127.0.0.1:8725", "127.0.0.1:8725"),
        ("http://127.0.0.2:80", "http://127.0.0.2", "127.0.0.2"),
        ("http://localhost:1", "http://localhost:1", "localhost:1"),
        ("http://[::1]:8725", "http://[::1]:8725", "[::1]:8725"),
        ("https://xn--80ak6aa92e.com", "https://xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),
    ],
)
def test_a_node_is_read_from_its_url(given: str, url: str, name: str) -> None:
    assert Node.parse(given) == Node(url=url, name=name)
    assert Node.parse(url) == Node.parse(given)


@pytest.mark.parametrize(
    "node,address",
    [
        ("api.smstraffic.ru", ("api.smstraffic.ru", None)),
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_the_name_of_a_node_is_its_address(node: str, address: tuple[str, int | None]) -> None:
    assert address_of(node) == address


BAD_NODES: list[tuple[Any, str]] = [
    ("", "such as"),
    ("api.smstraffic.ru", "scheme and host"),
    ("//api.smstraffic.ru", "scheme and host"),
    ("ftp://api.smstraffic.ru", "scheme and host"),
    ("https://", "scheme and host"),
    ("https://:443", "scheme and host"),
    ("https:///path", "scheme and host"),
    ("https://a,b", "scheme and host"),
    ("http://api.smstraffic.ru", "loopback only"),
    ("http://127.0.0.1.example.com", "loopback only"),
    ("http://127.example.com", "loopback only"),
    ("http://localhost.example.com", "loopback only"),
    ("http://192.168.1.1", "loopback only"),
    (f"https://login:{PASSWORD}@api.smstraffic.ru", "no credentials"),
    (f"https://{PASSWORD}@api.smstraffic.ru", "no credentials"),
    ("https://@api.smstraffic.ru", "no credentials"),
    (f"https://api.smstraffic.ru/?password={PASSWORD}", "no credentials"),
    (f"https://api.smstraffic.ru/#{PASSWORD}", "no credentials"),
    ("https://api.smstraffic.ru:99999", "cannot be read"),
    (f"https://api.smstraffic.ru:{PASSWORD}", "cannot be read"),
    (f"https://[{PASSWORD}", "cannot be read"),
    ("https://api .smstraffic.ru", "without spaces"),
    ("https://api\n.smstraffic.ru", "without spaces"),
    ("https://api.smstraffic.ru/\x00", "without spaces"),
    (KEY, "scheme and host"),
    (None, "not NoneType"),
    (b"https://api.smstraffic.ru", "not bytes"),
    (5, "not int"),
]


@pytest.mark.parametrize("url,rule", BAD_NODES)
def test_a_bad_node_is_refused_without_being_shown(url: Any, rule: str) -> None:
    refused(lambda: Node.parse(url), rule)
    if url:
        refused(lambda: parse_nodes([NODE, url]), rule)


def test_nodes_that_are_no_list_are_refused() -> None:
    refused(lambda: parse_nodes(5), "not int")  # type: ignore[arg-type] # the point of the test


WITH_PASSWORD = f"https://user:{PASSWORD}@api.smstraffic.ru"


@pytest.mark.parametrize(
    "make",
    [
        lambda: SmsTraffic(api_key=KEY, nodes=[NODE, WITH_PASSWORD]),
        lambda: SmsTraffic(api_key=KEY, nodes=WITH_PASSWORD),
        lambda: SmsTraffic.from_env(nodes=[WITH_PASSWORD]),
        lambda: SmsTraffic(api_key=KEY).with_options(nodes=[WITH_PASSWORD]),
        lambda: Settings(nodes=(WITH_PASSWORD,)),  # type: ignore[arg-type] # the point of the test
        lambda: Settings().with_changes(nodes=(WITH_PASSWORD,)),
        lambda: Settings.from_env({}, nodes=(WITH_PASSWORD,)),
        lambda: Settings.from_env({"SMS_TRAFFIC_NODES": WITH_PASSWORD}),
        lambda: SoapOptions(url=WITH_PASSWORD),
        lambda: SoapOptions(second_url=WITH_PASSWORD),
    ],
)
def test_a_password_in_a_url_stands_in_no_frame(make: Any) -> None:
    refused(make, "node")


def test_nodes_keep_their_order_and_blanks_are_left_out() -> None:
    nodes = parse_nodes(["https://b", " ", "", "https://a"])
    assert [node.name for node in nodes] == ["b", "a"]
    assert parse_nodes("https://only") == (Node.parse("https://only"),)
    assert parse_nodes([]) == ()


# Credentials


@pytest.mark.parametrize(
    "key",
    [KEY, "1837/ptf9", "a.b_c~d+e-f/Zz09._~+/=-", "1/2/3"],
)
def test_good_api_keys(key: str) -> None:
    credentials = Credentials(api_key=key)
    assert isinstance(credentials.api_key, Secret)
    assert credentials.api_key.reveal() == key
    assert credentials.public_id == key.partition("/")[0]
    assert credentials == Credentials(api_key=Secret(key))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "1837",
        "1837/",
        f"/{HALF}",
        f"1837/{HALF}\n",
        f" {KEY}",
        f"1837 / {HALF}",
        f"1837/{HALF}é",
        f"Bearer {KEY}",
        f'"{KEY}"',
        f"1837/{HALF}\r\nX: 1",
    ],
)
def test_bad_api_keys_are_refused_without_being_shown(key: str) -> None:
    refused(lambda: Credentials(api_key=key), "api_key", "not shown")
    refused(lambda: Credentials(api_key=Secret(key), login="l", password=PASSWORD), "api_key")


@pytest.mark.parametrize(
    "options,word",
    [
        ({"login": "l"}, "go together"),
        ({"password": PASSWORD}, "go together"),
        ({"login": "", "password": PASSWORD}, "login is empty"),
        ({"login": "l", "password": ""}, "password is empty"),
        ({"login": 5, "password": PASSWORD}, "login is a string"),
        ({"login": "l\r\nm", "password": PASSWORD}, "login holds a line break"),
        ({"login": "l", "password": f"{PASSWORD}\n"}, "password holds a line break"),
        ({"login": "l", "password": f"{PASSWORD}\x00"}, "password holds"),
        ({"login": "l", "password": f"{PASSWORD}\udce9"}, "not UTF-8"),
        ({"login": "l", "password": PASSWORD.encode()}, "password is a string"),
        ({"login": "l", "password": 5}, "password is a string"),
        ({"api_key": KEY.encode(), "login": "l", "password": PASSWORD}, "api_key is a string"),
    ],
)
def test_bad_credentials_are_refused_without_being_shown(options: dict[str, Any], word: str) -> None:
    refused(lambda: Credentials(**options), word)


def test_a_department_logs_in_and_passwords_may_be_odd() -> None:
    credentials = Credentials(login="main:sub", password="пароль with 'quotes' & \u00e9" * 9)
    assert credentials.password is not None
    assert credentials.password.reveal().startswith("пароль")
    assert credentials.public_id is None


def test_credentials_do_not_print_their_secrets() -> None:
    credentials = Credentials(api_key=KEY, login="main", password=PASSWORD)
    for printed in (repr(credentials), str(Settings(credentials=credentials)), repr(dataclasses.asdict)):
        assert HALF not in printed
        assert PASSWORD not in printed
    assert "main" in repr(credentials)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(credentials)


# Frozen values


@pytest.mark.parametrize(
    "value", [Node.parse(NODE), Credentials(), Timeouts(), RetryPolicy(), HttpOptions(), Settings()], ids=repr
)
def test_options_are_frozen_and_take_keywords_only(value: Any) -> None:
    field = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, None)
    assert not hasattr(value, "__dict__")
    with pytest.raises(TypeError):
        type(value)(None)
    assert dataclasses.replace(value) == value
    hash(value)


@pytest.mark.parametrize("kind", [Credentials, HttpOptions])
def test_the_written_out_inits_are_those_of_the_fields(kind: Any) -> None:
    taken = {name: parameter.default for name, parameter in inspect.signature(kind).parameters.items()}
    assert taken == {field.name: field.default for field in dataclasses.fields(kind)}


def test_the_default_numbers() -> None:
    settings = Settings()
    assert [node.url for node in settings.nodes] == list(DEFAULT_NODES)
    assert DEFAULT_NODES == ("https://api.smstraffic.ru", "https://api2.smstraffic.ru")
    assert settings.timeouts == Timeouts(
        connect=3, read=15, deadline=30, report_read=330, close_grace=10, poll_after=15
    )
    assert (settings.http.in_flight, settings.http.keep_alive, settings.http.trust_env) == (4, 20, False)
    assert (settings.on_unknown, settings.max_parts, settings.phone_region) == ("raise", 255, None)
    retry = settings.retry
    assert (retry.base_delay, retry.max_delay, retry.retry_after_cap) == (0.5, 30, 900)
    assert (retry.window, retry.lookup_interval, retry.lookup_window) == (3300, 5, 90)
    assert (retry.budget, retry.transient_cost, retry.throttle_cost) == (500, 14, 5)


SECONDS = [
    (kind, field.name)
    for kind in (Timeouts, RetryPolicy, HttpOptions)
    for field in dataclasses.fields(kind)
    if field.type == "float"
]
WHOLE = [
    (kind, field.name)
    for kind in (RetryPolicy, HttpOptions)
    for field in dataclasses.fields(kind)
    if field.type in {"int", "int | None"}
]


def test_the_lists_of_numbers_are_whole() -> None:
    assert len(SECONDS) == 6 + 6 + 1
    assert len(WHOLE) == 4 + 4


@pytest.mark.parametrize("kind,name", SECONDS)
@pytest.mark.parametrize("bad", [0, -1, -0.5, math.nan, math.inf, "5", None, True, [5]])
def test_seconds_are_finite_and_positive(kind: Any, name: str, bad: Any) -> None:
    refused(lambda: kind(**{name: bad}), f"{kind.__name__}.{name} must be a number of seconds")
    assert getattr(kind(**{name: 0.25}), name) == 0.25


@pytest.mark.parametrize("kind,name", WHOLE)
@pytest.mark.parametrize("bad", [0, -1, 1.5, 4.0, "5", True, math.inf, [5]])
def test_counts_are_whole_and_positive(kind: Any, name: str, bad: Any) -> None:
    refused(lambda: kind(**{name: bad}), f"{kind.__name__}.{name} must be a whole number")
    assert getattr(kind(**{name: 7}), name) == 7


def test_a_client_brings_its_own_tls_and_proxy() -> None:
    proxy = f"http://user:{PASSWORD}@proxy:3128"
    assert HttpOptions(client=object()).client is not None
    assert HttpOptions(proxy=proxy).proxy == proxy
    assert PASSWORD not in repr(HttpOptions(proxy=proxy))
    for extra in ({"proxy": proxy}, {"trust_env": True}, {"ssl_context": object()}):
        options: dict[str, Any] = {"client": object(), **extra}
        refused(lambda options=options: HttpOptions(**options), "client comes with its own")
    refused(lambda: HttpOptions(proxy=proxy, in_flight=0), "in_flight")
    assert HttpOptions(max_report_bytes=None).max_report_bytes is None


@pytest.mark.parametrize(
    "options,word",
    [
        ({"nodes": ()}, "at least one node"),
        ({"nodes": [Node.parse(NODE)]}, "tuple of Node"),
        ({"nodes": (NODE,)}, "tuple of Node"),
        ({"nodes": NODE}, "tuple of Node"),
        ({"nodes": None}, "tuple of Node"),
        ({"nodes": parse_nodes([NODE, f"{NODE}:443/"])}, "share one host"),
        ({"nodes": parse_nodes([f"{NODE}/a", f"{NODE}/b"])}, "share one host"),
        ({"on_unknown": "ignore"}, "'raise' or 'resend'"),
        ({"on_unknown": None}, "'raise' or 'resend'"),
        ({"max_parts": 0}, "1 to 255"),
        ({"max_parts": 256}, "1 to 255"),
        ({"max_parts": 2.0}, "1 to 255"),
        ({"max_parts": "2"}, "1 to 255"),
        ({"max_parts": True}, "1 to 255"),
        ({"phone_region": "ru"}, "'RU' or None"),
        ({"originator": "TwelveLetter"}, "at most 11"),
        ({"originator": ""}, "originator"),
        ({"originator": 5}, "originator"),
        ({"originator": " Acme"}, "space"),
        ({"timeouts": 5}, "timeouts must be Timeouts"),
        ({"retry": None}, "retry must be RetryPolicy"),
        ({"http": {}}, "http must be HttpOptions"),
        ({"credentials": KEY}, "credentials must be Credentials"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], word: str) -> None:
    made = Settings(credentials=Credentials(api_key=KEY, login="l", password=PASSWORD))
    if "credentials" not in options:
        refused(lambda: Settings(**options), word)
        refused(lambda: made.with_changes(**options), word)
    else:
        with pytest.raises(ConfigurationError, match=word):
            Settings(**options)


def test_changes_make_a_copy() -> None:
    settings = Settings()
    changed = settings.with_changes(max_parts=3, originator="Acme")
    assert (changed.max_parts, changed.originator, changed.nodes) == (3, "Acme", settings.nodes)
    assert settings.max_parts == 255
    refused(lambda: settings.with_changes(retries=3, timeout=5), "no such option: retries, timeout")


# The environment


def test_the_environment_is_read_by_from_env_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_API_KEY", KEY)
    monkeypatch.setenv("SMS_TRAFFIC_NODES", "https://one,https://two")
    assert Settings().credentials == Credentials()
    assert len(Settings().nodes) == 2
    assert Settings().nodes[0].name == "api.smstraffic.ru"
    found = Settings.from_env()
    assert found.credentials == Credentials(api_key=KEY)
    assert [node.name for node in found.nodes] == ["one", "two"]


def test_every_variable() -> None:
    settings = Settings.from_env(
        {
            "SMS_TRAFFIC_API_KEY": KEY,
            "SMS_TRAFFIC_LOGIN": "main:sub",
            "SMS_TRAFFIC_PASSWORD": PASSWORD,
            "SMS_TRAFFIC_ORIGINATOR": "Acme",
            "SMS_TRAFFIC_NODES": "https://one, ,http://127.0.0.1:8725/ ,",
            "SMS_TRAFFIC_ONLY_TO": "79161112233",
            "UNRELATED": "x",
        }
    )
    assert settings.credentials == Credentials(api_key=KEY, login="main:sub", password=PASSWORD)
    assert settings.originator == "Acme"
    assert [node.name for node in settings.nodes] == ["one", "127.0.0.1:8725"]


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()
    assert Settings.from_env(dict.fromkeys(("SMS_TRAFFIC_API_KEY", "SMS_TRAFFIC_NODES"), "")) == Settings()


def test_arguments_win_over_the_environment() -> None:
    env = {"SMS_TRAFFIC_ORIGINATOR": "Env", "SMS_TRAFFIC_NODES": "https://env"}
    settings = Settings.from_env(env, originator="Arg", max_parts=2)
    assert (settings.originator, settings.max_parts, settings.nodes[0].name) == ("Arg", 2, "env")


@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"\ufeff{KEY}\r\n", f"  {KEY}  \n"])
def test_a_secret_from_a_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content.encode())
    settings = Settings.from_env({"SMS_TRAFFIC_API_KEY_FILE": str(file)})
    assert settings.credentials == Credentials(api_key=KEY)


def test_login_and_password_from_files_and_the_variable_first(tmp_path: Path) -> None:
    login, password = tmp_path / "login", tmp_path / "password"
    login.write_text("main\n", encoding="utf-8")
    password.write_text(f"{PASSWORD} é\n", encoding="utf-8")
    env = {"SMS_TRAFFIC_LOGIN_FILE": str(login), "SMS_TRAFFIC_PASSWORD_FILE": str(password)}
    assert Settings.from_env(env).credentials == Credentials(login="main", password=f"{PASSWORD} é")
    env["SMS_TRAFFIC_PASSWORD"] = "another"
    assert Settings.from_env(env).credentials == Credentials(login="main", password="another")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    binary, empty = tmp_path / "binary", tmp_path / "empty"
    binary.write_bytes(PASSWORD.encode() + b"\xff\xfe")
    empty.write_bytes(b" \n")
    env = {"SMS_TRAFFIC_LOGIN": "main", "SMS_TRAFFIC_API_KEY": KEY}
    for path, word in [
        (tmp_path / "absent", "FileNotFoundError"),
        (tmp_path, "IsADirectoryError"),
        (binary, "UnicodeDecodeError"),
        ("nul\0byte", "ValueError"),
        (empty, "is empty"),
    ]:
        given = env | {"SMS_TRAFFIC_PASSWORD_FILE": str(path)}
        error = refused(lambda given=given: Settings.from_env(given), "SMS_TRAFFIC_PASSWORD_FILE", word)
        assert error.__context__ is None


@pytest.mark.parametrize(
    "extra",
    [
        {"SMS_TRAFFIC_NODES": "ftp://one"},
        {"SMS_TRAFFIC_NODES": f"https://u:{PASSWORD}@one"},
        {"SMS_TRAFFIC_NODES": " , "},
        {"SMS_TRAFFIC_ORIGINATOR": "TwelveLetter"},
        {"SMS_TRAFFIC_LOGIN": ""},
        {"SMS_TRAFFIC_API_KEY": f"Bearer {KEY}"},
    ],
)
def test_no_failure_of_from_env_shows_the_environment(extra: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"SMS_TRAFFIC_API_KEY": KEY, "SMS_TRAFFIC_LOGIN": "main", "SMS_TRAFFIC_PASSWORD": PASSWORD} | extra
    refused(lambda: Settings.from_env(env))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    refused(Settings.from_env)
