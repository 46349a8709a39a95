#!/usr/bin/env node
import { runCli } from './run-cli.ts';

// A reader such as `head` closes the pipe when it has read enough; the command goes on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2));
// A connection that did not close in time must not keep the process.
setTimeout(() => process.exit(), 1_000).unref();
