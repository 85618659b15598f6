//! A plot of rates as SVG, by hand: lines and words.

use std::fmt::Write as _;

const LEFT: f64 = 60.0;
const TOP: f64 = 30.0;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;

/// A line of the plot: name, colour, points of share in percent and rate.
pub(crate) type Line<'a> = (&'a str, &'a str, Vec<(f64, f64)>);

/// Rates from 0 to 1 over shares from 0 to `to` percent, with a mark at `bound`.
pub(crate) fn svg(title: &str, to: f64, bound: f64, lines: &[Line<'_>]) -> String {
    let (x, y) = (|share: f64| LEFT + share / to * WIDTH, |rate: f64| TOP + (1.0 - rate) * HEIGHT);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 430\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"760\" height=\"430\" fill=\"#fff\"/>\n<text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{title}</text>\n"
    );
    for rate in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = y(rate);
        let _ = writeln!(out, "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#ddd\"/>", LEFT + WIDTH);
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{rate}</text>", LEFT - 8.0, at + 4.0);
    }
    let mut share = 0.0;
    while share <= to {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{share} %</text>",
            x(share),
            TOP + HEIGHT + 18.0
        );
        share += 10.0;
    }
    let _ = writeln!(
        out,
        "<path d=\"M{:.1} {TOP}V{:.1}\" stroke=\"#888\" stroke-dasharray=\"4\"/>",
        x(bound),
        TOP + HEIGHT
    );
    let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\">bound</text>", x(bound) + 4.0, TOP + 12.0);
    for (at, (name, colour, points)) in lines.iter().enumerate() {
        let path: Vec<String> =
            points.iter().map(|(share, rate)| format!("{:.1},{:.1}", x(*share), y(*rate))).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        let (column, line) = ((at % 2) as f64, (at / 2) as f64);
        let (left, low) = (LEFT + column * 330.0, TOP + HEIGHT + 44.0 + line * 18.0);
        let _ = writeln!(out, "<path d=\"M{left} {:.1}h24\" stroke=\"{colour}\" stroke-width=\"2\"/>", low - 4.0);
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{low:.1}\">{name}</text>", left + 30.0);
    }
    out + "</svg>\n"
}
