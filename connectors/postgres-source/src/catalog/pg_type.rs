//! The database's types.

use std::collections::HashMap;

use crate::connection::{Fault, Row, Session};

/// Ids of built-in types (`pg_type.dat` of the server).
#[rustfmt::skip]
pub mod id {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const CHAR: u32 = 18;
    pub const NAME: u32 = 19;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const TEXT: u32 = 25;
    pub const OID: u32 = 26;
    pub const JSON: u32 = 114;
    pub const XML: u32 = 142;
    pub const POINT: u32 = 600;
    pub const LSEG: u32 = 601;
    pub const PATH: u32 = 602;
    pub const BOX: u32 = 603;
    pub const POLYGON: u32 = 604;
    pub const LINE: u32 = 628;
    pub const CIDR: u32 = 650;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const CIRCLE: u32 = 718;
    pub const MACADDR8: u32 = 774;
    pub const MONEY: u32 = 790;
    pub const MACADDR: u32 = 829;
    pub const INET: u32 = 869;
    pub const BPCHAR: u32 = 1042;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIME: u32 = 1083;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const INTERVAL: u32 = 1186;
    pub const TIMETZ: u32 = 1266;
    pub const BIT: u32 = 1560;
    pub const VARBIT: u32 = 1562;
    pub const NUMERIC: u32 = 1700;
    pub const UUID: u32 = 2950;
    pub const TSVECTOR: u32 = 3614;
    pub const JSONB: u32 = 3802;
    pub const INT4RANGE: u32 = 3904;
    pub const NUMRANGE: u32 = 3906;
    pub const TSRANGE: u32 = 3908;
    pub const TSTZRANGE: u32 = 3910;
    pub const DATERANGE: u32 = 3912;
    pub const INT8RANGE: u32 = 3926;
}

/// What a type is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// A type of its own.
    Base,
    /// One of these words, in order.
    Enum(Vec<String>),
    /// Another type, with conditions.
    Domain {
        /// The other type.
        base: u32,
        /// Its modifier.
        modifier: i32,
    },
    /// Values of one type.
    Array {
        /// That type.
        element: u32,
        /// What stands between values in text.
        delimiter: u8,
    },
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeInfo {
    /// The name, without its schema.
    pub name: String,
    /// What it is made of.
    pub kind: TypeKind,
}

/// The types of a database by id. Row types are left out.
#[derive(Clone, Debug, Default)]
pub struct Types(HashMap<u32, TypeInfo>);

/// How deep domains of domains are followed.
const DOMAIN_DEPTH: usize = 32;

const QUERY: &str = "SELECT t.oid, t.typname, t.typtype, \
    CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0 END, t.typdelim, t.typbasetype, t.typtypmod, \
    (SELECT string_agg(e.enumlabel, E'\\x01' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = \
    t.oid) \
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type el ON el.oid = t.typelem \
    WHERE t.typtype <> 'c' AND COALESCE(el.typtype, 'b') <> 'c'";

impl Types {
    /// Reads all types.
    pub async fn load(session: &mut Session) -> Result<Types, Fault> {
        let rows = session.query(QUERY).await?;
        Ok(Types(rows.iter().filter_map(entry).collect()))
    }

    /// A type by its id.
    pub fn get(&self, id: u32) -> Option<&TypeInfo> {
        self.0.get(&id)
    }

    /// What a domain is at the bottom; everything else is itself.
    pub fn resolve(&self, id: u32, modifier: i32) -> (u32, i32) {
        let (mut id, mut modifier) = (id, modifier);
        for _ in 0..DOMAIN_DEPTH {
            match self.get(id).map(|info| &info.kind) {
                Some(TypeKind::Domain { base, modifier: inner }) => {
                    id = *base;
                    modifier = if *inner == -1 { modifier } else { *inner };
                }
                _ => break,
            }
        }
        (id, modifier)
    }

    #[cfg(test)]
    pub fn of(types: impl IntoIterator<Item = (u32, TypeInfo)>) -> Types {
        Types(types.into_iter().collect())
    }
}

fn entry(row: &Row) -> Option<(u32, TypeInfo)> {
    let id = row.parsed(0)?;
    let element: u32 = row.parsed(3)?;
    let kind = match row.text(2) {
        "e" => TypeKind::Enum(row.text(7).split('\u{1}').filter(|l| !l.is_empty()).map(str::to_owned).collect()),
        "d" => TypeKind::Domain { base: row.parsed(5)?, modifier: row.parsed(6)? },
        _ if element != 0 => {
            let delimiter = row.text(4).bytes().next().unwrap_or(b',');
            TypeKind::Array { element, delimiter }
        }
        _ => TypeKind::Base,
    };
    Some((id, TypeInfo { name: row.text(1).to_owned(), kind }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_of_a_domain_ends_at_its_base_with_the_modifier_on_the_way() {
        let domain = |base, modifier| TypeInfo { name: "d".into(), kind: TypeKind::Domain { base, modifier } };
        let types = Types::of([(1, domain(2, -1)), (2, domain(id::NUMERIC, 524_295)), (3, domain(3, -1))]);
        assert_eq!(types.resolve(1, -1), (id::NUMERIC, 524_295));
        assert_eq!(types.resolve(id::TEXT, -1), (id::TEXT, -1));
        assert_eq!(types.resolve(3, -1), (3, -1));
    }
}
