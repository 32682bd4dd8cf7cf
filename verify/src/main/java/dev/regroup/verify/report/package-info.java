/// What a verification found, as values, and the four ways to show it.
///
/// Start at {@link VerificationReport}: findings of each level, then the {@link Check}s that were
/// made of them, then the {@link Verdict}. Renderers (JSON, JUnit XML, HTML, terminal text) read
/// the record and decide nothing.
@NullMarked
package dev.regroup.verify.report;

import org.jspecify.annotations.NullMarked;
