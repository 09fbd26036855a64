"""``SmsTraffic`` without a running loop: where it can be made, and where it cannot be used."""

import asyncio

import pytest

from sms_traffic_async import AbuseGuard, AbuseRules, ConfigurationError, NotSent, Secret, Settings, SmsTraffic

NUMBER, TEXT = "79161112233", "Секретный код 8412"


def test_a_second_event_loop_is_told() -> None:
    sms = SmsTraffic(api_key="1/x", nodes=["http://127.0.0.1:9"])

    async def use() -> None:
        with pytest.raises(NotSent):
            await sms.send(NUMBER, TEXT, timeout=0.2)

    asyncio.run(use())

    async def again() -> None:
        with pytest.raises(ConfigurationError, match="another event loop"):
            await sms.send(NUMBER, TEXT)

    asyncio.run(again())


def test_it_can_be_made_without_a_loop_and_from_settings() -> None:
    sms = SmsTraffic.from_settings(Settings(), hooks=())
    assert sms.settings.originator is None
    with pytest.raises(ConfigurationError, match="api_key"):
        _ = sms.v2


def test_from_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_API_KEY", "1837/secret")
    monkeypatch.setenv("SMS_TRAFFIC_NODES", "http://127.0.0.1:1, http://127.0.0.1:2")
    sms = SmsTraffic.from_env(max_parts=3)
    assert [node.name for node in sms.settings.nodes] == ["127.0.0.1:1", "127.0.0.1:2"]
    assert sms.settings.credentials.api_key == Secret("1837/secret")
    assert sms.settings.max_parts == 3
    assert sms.guard is None


def test_a_guard_can_be_given_whatever_a_session_is_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_API_KEY", "1837/secret")
    guard = AbuseGuard(AbuseRules(countries=("7",)))
    for sms in (
        SmsTraffic(guard=guard),
        SmsTraffic.from_settings(Settings(), guard=guard),
        SmsTraffic.from_env(guard=guard),
    ):
        assert sms.guard is guard
