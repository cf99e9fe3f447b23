"""The rules for proxies are those of Go. The table has the cases of golang.org/x/net/http/httpproxy, and more."""

import base64

import pytest

from pod_index.informer.errors import CredentialsError
from pod_index.informer.proxy import bypasses_proxy, find_proxy

NO_PROXY = (
    "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30,"
    " 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64"
)


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::2", False),
        ("192.168.1.1", True),
        ("192.168.1.2", False),
        ("192.168.1.3", True),
        ("192.168.1.4", False),
        ("10.0.0.2", True),
        ("10.0.0.4", False),
        ("2001:db8::52:0:1", True),
        ("2001:db8::52:0:2", False),
        ("2001:db8::52:0:3", True),
        ("2002:db8:a::123", True),
        ("fe80::424b:c8be:1643:a1b6", False),
        ("barbaz.net", False),
        ("www.barbaz.net", True),
        ("foobar.com", True),
        ("FooBar.com", True),
        ("www.foobar.com", True),
        ("foofoobar.com", False),
        ("baz.com", False),
        ("localhost.net", False),
        ("local.localhost", False),
        ("barbarbaz.net", False),
        ("wildcard.io", False),
        ("nested.wildcard.io", True),
        ("awildcard.io", False),
    ],
)
def test_hosts_and_a_list_of_every_kind_of_entry(host: str, direct: bool) -> None:
    assert bypasses_proxy(host, 80, NO_PROXY) is direct
    assert bypasses_proxy(host, 80, f"{NO_PROXY}, *") is True


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("EXAMPLE.com", "example.com", True),
        (" example.com ,x", "example.com", True),
        ("ample.com", "example.com", False),
        ("example.com:443", "example.com", True),
        ("example.com:6443", "example.com", False),
        ("*.example.com:443", "api.example.com", True),
        ("10.0.0.1:443", "10.0.0.1", True),
        ("10.0.0.7/8", "10.200.0.1", True),
        ("10.0.0.0/255.0.0.0", "10.0.0.1", False),
        ("10.0.0.0/33", "10.0.0.1", False),
        ("0.0.1", "10.0.0.1", False),
        (".0.0.1", "10.0.0.1", False),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "10.0.0.1", False),
        ("10.0.0.0/8", "fd12::1", False),
        ("10.0.0.0/8", "::ffff:10.0.0.1", True),
        ("fd00::1", "fd00:0::1", True),
        ("[fd00::1]:443", "fd00::1", True),
        ("fe80::1", "fe80::1%eth0", True),
        ("example.com", "1000::%.example.com", False),
        (":1", "example.com", False),
        ("", "example.com", False),
        (",,", "example.com", False),
        (".示例.com", "www.示例.com", True),
        ("xn--fsq092h.com", "www.示例.com", True),
        ("示例.com", "www.xn--fsq092h.com", True),
    ],
)
def test_one_entry(no_proxy: str, host: str, direct: bool) -> None:
    assert bypasses_proxy(host, 443, no_proxy) is direct


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("cache.corp.example.com", "http://cache.corp.example.com:80"),
        ("localhost", "http://localhost:80"),
        ("https://cache.corp.example.com", "https://cache.corp.example.com:443"),
        ("HTTP://[fd00::1]:3128/", "http://[fd00::1]:3128"),
        (" proxy:3128 ", "http://proxy:3128"),
    ],
)
def test_the_url_of_a_proxy(value: str, expected: str) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        proxy = find_proxy("https://10.0.0.1", None, "c", {name: value})
        assert proxy is not None
        assert (proxy.url, proxy.authorization, proxy.source) == (expected, None, name)


@pytest.mark.parametrize(
    ("server", "expected"), [("http://host", "http://plain:80"), ("https://host", "http://secure:80")]
)
def test_each_scheme_has_a_variable_and_lower_case_comes_first(server: str, expected: str) -> None:
    environ = {"HTTP_PROXY": "plain", "HTTPS_PROXY": "upper", "https_proxy": "secure", "ALL_PROXY": "all"}
    proxy = find_proxy(server, "", "c", environ)
    assert proxy is not None
    assert proxy.url == expected
    assert find_proxy(server, None, "c", {"ALL_PROXY": "all"}) is None


def test_the_kubeconfig_comes_first_and_ignores_no_proxy() -> None:
    proxy = find_proxy("https://10.0.0.1", "http://proxy", "c", {"HTTPS_PROXY": "other", "NO_PROXY": "*"})
    assert proxy is not None
    assert (proxy.url, proxy.source) == ("http://proxy:80", "proxy-url of cluster 'c'")


def test_user_name_and_password_become_a_header_and_are_never_shown() -> None:
    proxy = find_proxy("https://10.0.0.1", "http://jane:s3cret%40%C3%A4@proxy:3128", "c", {})
    assert proxy is not None
    assert proxy.url == "http://proxy:3128"
    assert base64.b64decode((proxy.authorization or "").removeprefix("Basic ")).decode() == "jane:s3cret@ä"
    assert "s3cret" not in repr(proxy)
    assert (proxy.authorization or "") not in repr(proxy)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "socks5://jane:s3cret@proxy",
            "is a socks5:// proxy, which is not supported: use one with http:// or https://",
        ),
        ("socks5h://proxy:1080", "is a socks5h:// proxy"),
        ("foo://host", "is a foo:// proxy"),
        ("http://", "is not the URL of a proxy, such as http://proxy:3128"),
        ("http://jane:s3cret@proxy:port", "is not the URL of a proxy"),
        ("http://[::1", "is not the URL of a proxy"),
        ("http://a b", "is not the URL of a proxy"),
        ("http://a\r\nb", "is not the URL of a proxy"),
    ],
)
def test_an_unusable_proxy_is_one_line_that_names_its_source(value: str, expected: str) -> None:
    for proxy_url, environ, source in (
        (None, {"HTTPS_PROXY": value}, "HTTPS_PROXY"),
        (value, {}, "proxy-url of cluster 'c'"),
    ):
        with pytest.raises(CredentialsError) as caught:
            find_proxy("https://10.0.0.1", proxy_url, "c", environ)
        assert str(caught.value).startswith(f"{source} {expected}")
        assert "s3cret" not in str(caught.value)


def test_an_unusable_proxy_that_does_not_apply_is_no_failure() -> None:
    environ = {"HTTPS_PROXY": "socks5://proxy", "NO_PROXY": "10.0.0.0/8"}
    assert find_proxy("https://10.0.0.1", None, "c", environ) is None
