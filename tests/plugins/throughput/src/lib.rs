//! A source and a sink that do next to nothing, as a dynamic library: what is left is the way there and back.

mod nothing;

use connector_api::Plugin;
use nothing::{Everything, Nothing};

connector_api::export!(Plugin::source(Everything), Plugin::sink(Nothing));
