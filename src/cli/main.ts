#!/usr/bin/env node
import { runCli } from './run-cli.ts';

// A reader such as `head` closes the pipe when it has read enough; the command goes on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2));
