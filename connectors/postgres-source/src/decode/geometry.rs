//! Geometric types: a point and the shapes made of points, with their well-known binary form (OGC 06-103r4).

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use connector_api::data::{Field, Kind, Schema, Struct, Value};

use super::Unreadable;

/// Which shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `(x,y)`
    Point,
    /// `(x1,y1),(x2,y2)`
    Box,
    /// `[(x1,y1),(x2,y2)]`
    Segment,
    /// `[(x1,y1),...]` when open, `((x1,y1),...)` when closed.
    Path,
    /// `((x1,y1),...)`
    Polygon,
    /// `<(x,y),r>`
    Circle,
    /// `{A,B,C}`
    Line,
}

const MALFORMED: Unreadable = Unreadable("it is not a geometric value in the server's form");

impl Shape {
    /// The schema, not optional.
    pub fn schema(self) -> Schema {
        let double = || Schema::new(Kind::Float64);
        let (name, version, doc, fields) = match self {
            Shape::Point => (
                "Point",
                1,
                "Geometry (POINT)",
                vec![
                    Field::new("x", double()),
                    Field::new("y", double()),
                    Field::new("wkb", Schema::new(Kind::Bytes).optional()),
                    Field::new("srid", Schema::new(Kind::Int32).optional()),
                ],
            ),
            Shape::Circle => (
                "Circle",
                1,
                "Geometry (CIRCLE)",
                vec![Field::new("center", Shape::Point.schema()), Field::new("radius", double())],
            ),
            Shape::Line => ("Line", 1, "Geometry (LINE)", ["a", "b", "c"].map(|n| Field::new(n, double())).into()),
            _ => {
                let text = Arc::new(Schema::string());
                let extensions = Schema::new(Kind::Map(text.clone(), text)).optional();
                let fields = vec![
                    Field::new("wkb", Schema::new(Kind::Bytes)),
                    Field::new("srid", Schema::new(Kind::Int32).optional()),
                    Field::new("extensions", extensions),
                ];
                ("Geometry", 2, "Geometry", fields)
            }
        };
        let name = format!("io.debezium.data.geometry.{name}");
        Schema::structure(fields).named(name).version(version).doc(doc)
    }

    fn word(self) -> &'static str {
        match self {
            Shape::Point => "point",
            Shape::Box => "box",
            Shape::Segment => "lseg",
            Shape::Path => "path",
            Shape::Polygon => "polygon",
            Shape::Circle => "circle",
            Shape::Line => "line",
        }
    }

    /// What stands for a value that the server did not send, in its text form.
    pub fn zero(self) -> &'static str {
        match self {
            Shape::Point => "(0,0)",
            Shape::Box => "(1,1),(0,0)",
            Shape::Segment => "[(0,0),(1,0)]",
            Shape::Path => "[(0,0),(1,0)]",
            Shape::Polygon => "((0,0),(1,0),(0,1))",
            Shape::Circle => "<(0,0),0>",
            Shape::Line => "{0,1,0}",
        }
    }
}

/// Reads a shape; `schema` is the one that the struct shows.
pub fn decode(shape: Shape, cell: &[u8], schema: &Arc<Schema>) -> Result<Value, Unreadable> {
    let numbers = numbers(cell)?;
    let values = match (shape, &numbers[..]) {
        (Shape::Point, [x, y]) => point(*x, *y),
        (Shape::Circle, [x, y, radius]) => {
            let center = schema.fields().first().map(|field| field.schema.clone()).ok_or(MALFORMED)?;
            vec![Value::Struct(Struct::new(center, point(*x, *y))), Value::Float64(*radius)]
        }
        (Shape::Line, [a, b, c]) => vec![Value::Float64(*a), Value::Float64(*b), Value::Float64(*c)],
        (Shape::Box, [x1, y1, x2, y2]) => {
            let corners = [*x1, *y1, *x1, *y2, *x2, *y2, *x2, *y1, *x1, *y1];
            geometry(shape, polygon(&corners), None)
        }
        (Shape::Segment, [_, _, _, _]) => geometry(shape, line_string(&numbers), None),
        (Shape::Path, points) if paired(points) => {
            let closed = cell.first() == Some(&b'(');
            geometry(shape, line_string(points), Some(closed))
        }
        (Shape::Polygon, points) if paired(points) => {
            let ring: Vec<f64> = points.iter().chain(&points[..2]).copied().collect();
            geometry(shape, polygon(&ring), None)
        }
        _ => return Err(MALFORMED),
    };
    Ok(Value::Struct(Struct::new(schema.clone(), values)))
}

fn paired(points: &[f64]) -> bool {
    !points.is_empty() && points.len().is_multiple_of(2)
}

fn numbers(cell: &[u8]) -> Result<Vec<f64>, Unreadable> {
    let text = std::str::from_utf8(cell).map_err(|_| MALFORMED)?;
    let words = text.split([',', '(', ')', '[', ']', '<', '>', '{', '}']).filter(|word| !word.is_empty());
    words.map(|word| word.parse().map_err(|_| MALFORMED)).collect()
}

fn point(x: f64, y: f64) -> Vec<Value> {
    let wkb = binary(1, |out| put(out, &[x, y]));
    vec![Value::Float64(x), Value::Float64(y), Value::Bytes(wkb), Value::Null]
}

fn geometry(shape: Shape, wkb: Bytes, closed: Option<bool>) -> Vec<Value> {
    let mut extensions = vec![(Value::from("type"), Value::from(shape.word()))];
    extensions.extend(closed.map(|closed| (Value::from("closed"), Value::from(closed.to_string()))));
    vec![Value::Bytes(wkb), Value::Null, Value::Map(extensions)]
}

fn line_string(points: &[f64]) -> Bytes {
    binary(2, |out| {
        out.put_u32_le(points.len() as u32 / 2);
        put(out, points);
    })
}

fn polygon(ring: &[f64]) -> Bytes {
    binary(3, |out| {
        out.put_u32_le(1);
        out.put_u32_le(ring.len() as u32 / 2);
        put(out, ring);
    })
}

/// Little endian.
fn binary(kind: u32, body: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = vec![1];
    out.put_u32_le(kind);
    body(&mut out);
    Bytes::from(out)
}

fn put(out: &mut Vec<u8>, numbers: &[f64]) {
    numbers.iter().for_each(|number| out.put_f64_le(*number));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_shape_reads_its_own_zero() {
        use Shape::*;
        for shape in [Point, Box, Segment, Path, Polygon, Circle, Line] {
            let schema = Arc::new(shape.schema());
            assert!(decode(shape, shape.zero().as_bytes(), &schema).is_ok(), "{shape:?}");
            assert_eq!(decode(shape, b"(1,2,3,4,5", &schema), Err(MALFORMED), "{shape:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_no_harm(text in "[0-9.,()<>{}\\[\\]eE-]{0,40}") {
            use Shape::*;
            for shape in [Point, Box, Segment, Path, Polygon, Circle, Line] {
                let _ = decode(shape, text.as_bytes(), &Arc::new(shape.schema()));
            }
        }
    }
}
