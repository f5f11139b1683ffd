//! The doubles of the conformance suite as a dynamic library: what misbehaves behind the boundary.

use connector_api::conformance::double_parts::{MarkConverter, DoublePredicate, DoubleTransform};
use connector_api::conformance::doubles::{DoubleSink, DoubleSource};
use connector_api::{Export, Plugin};

connector_api::export!(
    Plugin::source(DoubleSource),
    Plugin::sink(DoubleSink),
    Export::transform(DoubleTransform),
    Export::predicate(DoublePredicate),
    Export::converter(MarkConverter),
);
