//! Keys: how to reach the server and log in.

use connector_api::config::{Check, ConfigDef, ConfigKey, Importance, Width};

use super::{Boolean, Int, List, Password, Text, choice, idle, nothing, number, optional, preset, refused};
use crate::config::urls::check_urls;

/// The keys.
pub fn keys() -> ConfigDef {
    const NO_KERBEROS: &str = "Kerberos is not offered; use a user name and password or an API key";
    const NO_PROXY: &str = "a proxy is not offered; let `connection.url` name a server that the worker can reach";
    ConfigDef::new()
        .key(ConfigKey::required("connection.url", List).width(Width::Long).check(Check::By(check_urls)).doc(
            "Addresses of the cluster's nodes such as `http://es1:9200`, with commas between them. Requests go to them in \
             turns; one that does not answer is passed over for a while. A path at the end is kept.",
        ))
        .key(optional("connection.username", Text, "The user that logs in; together with `connection.password`."))
        .key(optional("connection.password", Password, "The user's password."))
        .key(optional(
            "connection.api.key",
            Password,
            "An API key instead of a user: as the server encodes it, or `id:key`. Elasticsearch has them.",
        ))
        .key(preset(
            "connection.compression",
            Boolean,
            "false",
            "Whether requests are compressed with gzip.",
        ))
        .key(
            number("connection.timeout.ms", "1000", 1, 600_000, "How long connecting may take, in milliseconds.")
                .importance(Importance::Low),
        )
        .key(
            number(
                "read.timeout.ms",
                "60000",
                1,
                600_000,
                "How long the server may take to answer, in milliseconds. Too short a time makes a busy server do the same \
                 work twice.",
            )
            .importance(Importance::Low),
        )
        .key(
            number(
                "max.connection.idle.time.ms",
                "60000",
                0,
                86_400_000,
                "How long an unused connection is kept, in milliseconds.",
            )
            .importance(Importance::Low),
        )
        .key(choice(
            "elastic.security.protocol",
            "PLAINTEXT",
            &["PLAINTEXT", "SSL"],
            "`SSL` asks that every address in `connection.url` begins with `https`. TLS is used wherever an address does.",
        ))
        .key(refused("proxy.host", Text, "A proxy.", |text| nothing(text, NO_PROXY)))
        .key(idle("proxy.port", Int, NO_PROXY))
        .key(idle("proxy.username", Text, NO_PROXY))
        .key(idle("proxy.password", Password, NO_PROXY))
        .key(refused("kerberos.user.principal", Text, "A Kerberos user.", |text| nothing(text, NO_KERBEROS)))
        .key(refused("kerberos.keytab.path", Text, "A Kerberos key.", |text| nothing(text, NO_KERBEROS)))
}
