//! The transforms and predicates that Apache Kafka Connect brings along, under its names and with its keys.
//!
//! | part | what it holds |
//! |---|---|
//! | `transform/`, `predicate/` | the classes |
//! | `class.rs` | what classes have in common: `$Key` and `$Value`, names, errors |
//! | `part.rs` | a key or value taken out of its record |
//! | `path.rs`, `nested.rs` | paths to nested fields, and what stands there changed |
//! | `shape.rs`, `schema_cache.rs` | new schemas out of old ones, remembered by the old one's address |
//! | `java/` | what Java's library does with numbers, dates, expressions and literals |

#![forbid(unsafe_code)]

mod class;
mod java;
mod keys;
mod nested;
mod part;
mod path;
mod predicate;
mod refusal;
mod schema_cache;
mod shape;
mod transform;

use connector_api::Export;

use class::{both, question, step};

/// Every class, in the order of their names, transforms first.
pub fn all() -> Vec<Export> {
    let sided = [
        both::<transform::Cast>(),
        both::<transform::ExtractField>(),
        both::<transform::Flatten>(),
        both::<transform::HeaderFrom>(),
        both::<transform::HoistField>(),
        both::<transform::InsertField>(),
        both::<transform::MaskField>(),
        both::<transform::ReplaceField>(),
        both::<transform::SetSchemaMetadata>(),
        both::<transform::TimestampConverter>(),
    ];
    let mut transforms: Vec<Export> = sided.into_iter().flatten().collect();
    transforms.extend([
        step::<transform::DropHeaders>(),
        step::<transform::Filter>(),
        step::<transform::InsertHeader>(),
        step::<transform::RegexRouter>(),
        step::<transform::TimestampRouter>(),
        step::<transform::ValueToKey>(),
    ]);
    transforms.sort_by_key(|export| export.definition().class);
    let predicates = [
        question::<predicate::HasHeaderKey>(),
        question::<predicate::RecordIsTombstone>(),
        question::<predicate::TopicNameMatches>(),
    ];
    transforms.into_iter().chain(predicates).collect()
}
