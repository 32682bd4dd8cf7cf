/// What a conversion will do, decided from configs and headers alone: no weight is read.
///
/// Start at {@link ConversionPlan}.
@NullMarked
package dev.regroup.converters.plan;

import org.jspecify.annotations.NullMarked;
