/// From measurements to findings, from findings to checks, from checks to a verdict.
///
/// Start at {@link Judge}. A check against a limit uses the one-sided bound, not the value: a
/// sample that cannot decide says so, and how much more text would.
@NullMarked
package dev.regroup.verify.judge;

import org.jspecify.annotations.NullMarked;
