//! Keys: how to reach the server and log in.

use connector_api::config::{Check, ConfigDef, Importance, Width};

use super::checks::refuse;
use super::{Boolean, Int, List, Long, Password, Text, choice, idle, optional, preset, refused, required};

/// The keys.
pub fn keys() -> ConfigDef {
    ConfigDef::new()
        .key(
            required(
                "database.hostname",
                "The server's name or address, or the absolute path of the folder with its Unix socket.",
            )
            .width(Width::Long),
        )
        .key(
            preset("database.port", Int, "5432", "The server's port.")
                .check(Check::Between(1, 65_535))
                .importance(Importance::High),
        )
        .key(required("database.user", "The role that logs in. It needs LOGIN, REPLICATION and SELECT on the tables."))
        .key(optional("database.password", Password, "Its password.").importance(Importance::High))
        .key(required("database.dbname", "The database that holds the tables."))
        .key(choice(
            "database.sslmode",
            "prefer",
            &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
            "How far TLS is asked for: `disable` never, `allow` and `prefer` if the server offers it, `require` \
            always, \
             `verify-ca` and `verify-full` also check the certificate by `database.sslrootcert`.",
        ))
        .key(optional(
            "database.sslrootcert",
            Text,
            "PEM file of the authorities that may have signed the server's \
            certificate.",
        ))
        .key(optional("database.sslcert", Text, "PEM file of the client's certificate."))
        .key(optional("database.sslkey", Text, "The client's key: PEM or PKCS#8 DER, not encrypted."))
        .key(idle("database.sslpassword", Password, "keys must be stored decrypted; an encrypted one is refused"))
        .key(idle("database.sslfactory", Text, "`database.sslmode` alone decides what is checked"))
        .key(preset(
            "database.tcpKeepAlive",
            Boolean,
            "true",
            "Whether the kernel probes connections that have been idle for a minute.",
        ))
        .key(
            preset(
                "database.query.timeout.ms",
                Int,
                "600000",
                "How long a query of the catalog may take, in milliseconds; 0 for no limit. The snapshot has no limit.",
            )
            .check(Check::AtLeast(0)),
        )
        .key(optional(
            "database.initial.statements",
            Text,
            "SQL that is run on every new SQL connection (not on the one for replication).",
        ))
        .key(
            preset(
                "connection.validation.timeout.ms",
                Long,
                "60000",
                "How long the checks of a configuration may take, in milliseconds.",
            )
            .check(Check::AtLeast(1)),
        )
        .key(refused("connection.factory.class", "Java code that logs in.", |text| {
            refuse(
                text,
                "connections are made by the connector itself; log in with `database.user` and \
                `database.password`",
            )
        }))
        .key(idle("driver.*", Text, "there is no JDBC driver"))
        .key(idle("database.include.list", List, "a connector reads the one database in `database.dbname`"))
        .key(idle("database.exclude.list", List, "a connector reads the one database in `database.dbname`"))
        .key(idle("read.only", Boolean, "it concerns incremental snapshots, which are not offered"))
}
