/// The voice: one command per noun, and nothing decided here.
///
/// {@link Main} runs a command line; each `...Command` parses its own options, calls the module that
/// knows, and prints what came back. {@link ExitCode} lists what the process tells the shell,
/// {@link Failure} how an exception becomes one line and such a code. The room `console` holds what
/// commands print with.
@NullMarked
package dev.regroup.cli;

import org.jspecify.annotations.NullMarked;
