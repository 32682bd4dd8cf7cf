package dev.regroup.converters.fit;

/// What a batch of windows says about a layer.
///
/// @param error the squared error of the layer's output, relative to the squared size of what the
///     source adds there
/// @param maps the derivative of that error by each map
record Gradient(double error, Maps maps) {}
