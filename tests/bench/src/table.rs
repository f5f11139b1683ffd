//! The table that is printed.

/// Rows, shown as they come and all together at the end.
#[derive(Default)]
pub struct Table(Vec<Row>);

/// What was measured, against what, and what it should reach.
pub struct Row {
    /// What.
    pub what: &'static str,
    /// Ours.
    pub ours: String,
    /// The baseline.
    pub baseline: String,
    /// Ours over the baseline, or ours alone where the target is a figure.
    pub value: f64,
    /// What to reach.
    pub target: Target,
    /// CPU seconds for a million records, and the most memory used, as far as they were measured.
    pub cost: String,
}

/// What to reach.
#[derive(Clone, Copy)]
pub enum Target {
    /// At least.
    AtLeast(f64),
    /// At most.
    AtMost(f64),
}

impl Target {
    fn is_reached(self, value: f64) -> bool {
        match self {
            Target::AtLeast(least) => value >= least,
            Target::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Target::AtLeast(least) => format!(">= {least}"),
            Target::AtMost(most) => format!("<= {most}"),
        }
    }
}

impl Table {
    /// Adds a row and prints it.
    pub fn add(&mut self, row: Row) {
        println!("{}", row.line());
        self.0.push(row);
    }

    /// How many rows miss their target.
    pub fn missed(&self) -> usize {
        self.0.iter().filter(|row| !row.target.is_reached(row.value)).count()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All rows as Markdown.
    pub fn render(&self) -> String {
        let head = "| what | ours | baseline | value | target | CPU s / 1 M, memory |\n|---|---|---|---|---|---|\n";
        let lines: Vec<String> = self.0.iter().map(Row::line).collect();
        format!("{head}{}", lines.join("\n"))
    }
}

impl Row {
    fn line(&self) -> String {
        let mark = if self.target.is_reached(self.value) { "" } else { " **missed**" };
        let (target, value) = (self.target.text(), self.value);
        format!("| {} | {} | {} | {value:.2} | {target}{mark} | {} |", self.what, self.ours, self.baseline, self.cost)
    }
}

/// The pair with the median ratio.
pub fn median<T>(mut pairs: Vec<T>, ratio: impl Fn(&T) -> f64) -> T {
    pairs.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let middle = pairs.len() / 2;
    pairs.swap_remove(middle)
}
