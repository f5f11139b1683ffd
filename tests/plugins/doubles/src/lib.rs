//! The doubles of the conformance suite as a dynamic library: what misbehaves behind the boundary.

use connector_api::Plugin;
use connector_api::conformance::doubles::{DoubleSink, DoubleSource};

connector_api::export!(Plugin::source(DoubleSource), Plugin::sink(DoubleSink));
