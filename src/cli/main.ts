#!/usr/bin/env node
import { libraryVersion } from '../runtime/library-version.ts';
import { runSetup } from './setup.ts';

const help = `kafka-journal ${libraryVersion}

  kafka-journal setup --config FILE        create the topics and tables that FILE names
  kafka-journal replicator --config FILE   carry events from Kafka into Cassandra, until SIGTERM
                    [--log-level LEVEL]    debug, info, warn or error; info unless given
  kafka-journal help                       this text

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 stopped by force.`;

process.exitCode = await main(process.argv.slice(2));

async function main([command, ...args]: readonly string[]): Promise<number> {
  switch (command) {
    case 'setup':
      return await runSetup(args);
    case 'replicator': {
      const { runReplicator } = await import('../../replicator/main.ts');
      return await runReplicator(args);
    }
    case undefined:
    case 'help':
    case '--help':
      console.log(help);
      return 0;
    default:
      console.error(`kafka-journal: no command "${command}"\n\n${help}`);
      return 2;
  }
}
