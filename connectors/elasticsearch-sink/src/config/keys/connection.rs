//! Keys: how to reach the server and log in.

use connector_api::config::{Check, ConfigDef, ConfigKey, Importance, Width};

use super::{Boolean, Int, List, Long, Password, Text, choice, idle, nothing, number, optional, preset, refused};
use crate::config::urls::check_urls;

fn aws_name(text: &str) -> Result<(), String> {
    match text.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        true => Ok(()),
        false => Err("it must be letters, digits and hyphens".to_owned()),
    }
}

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
        .key(
            optional(
                "aws.signing.region",
                Text,
                "The region of an Amazon OpenSearch domain or serverless collection; requests are signed for it (SigV4).",
            )
            .check(Check::By(aws_name)),
        )
        .key(choice(
            "aws.signing.service",
            "es",
            &["es", "aoss"],
            "What requests are signed for: `es` for a domain, `aoss` for a serverless collection.",
        ))
        .key(
            optional(
                "aws.access.key.id",
                Text,
                "The access key to sign with. Without it: the environment, the profile, web identity, the container's or machine's \
                 role.",
            )
            .check(Check::By(aws_name)),
        )
        .key(optional("aws.secret.access.key", Password, "The secret that belongs to `aws.access.key.id`."))
        .key(optional("aws.session.token", Password, "The session token of temporary keys."))
        .key(optional("aws.profile", Text, "The profile in the shared AWS configuration files."))
        .key(
            optional(
                "rate.limit.requests.per.second",
                Long,
                "The most requests that each task sends in a second. Can be changed while tasks run.",
            )
            .check(Check::AtLeast(1)),
        )
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
