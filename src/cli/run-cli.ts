import { libraryVersion } from '../runtime/library-version.ts';
import { runFleet } from './fleet.ts';
import { runSetup } from './setup.ts';
import { didYouMean } from './usage.ts';
import { runWakeUps } from './wakeups.ts';

const helpOfAll = `kafka-journal ${libraryVersion}

  kafka-journal setup --config FILE             create the topics and tables that FILE names
  kafka-journal replicator --config FILE        carry events from Kafka into the store, until SIGTERM
  kafka-journal fleet --config FILE             print which process owns which partition
  kafka-journal wakeups list --config FILE      print what wakes which entity, and when
  kafka-journal wakeups rebuild --config FILE   find those that wait for a time that nobody has kept
  kafka-journal help [COMMAND]                  this text, or what a command does and takes
  kafka-journal --version                       the version

FILE is the application.conf of your programs: see docs/configuration.md.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 stopped by force.`;

interface Command {
  readonly help: string;
  /** @returns the exit code */
  readonly run: (args: readonly string[]) => Promise<number>;
}

const commands = new Map<string, Command>([
  [
    'setup',
    {
      help: `kafka-journal setup --config FILE

Creates the topics and tables of the journal that akka.persistence.journal.plugin names, and the tables of
the snapshot stores that akka.persistence.snapshot-store names (plugin, auto-start-snapshot-stores), with the
rights of the users in FILE. Prints what it made and what was there already, which it leaves as it is. It
can run again at any time.

  --config FILE   the configuration (HOCON)

Exit codes: 0 all is there, 1 failed, 2 wrong usage or configuration.`,
      run: runSetup,
    },
  ],
  [
    'replicator',
    {
      help: `kafka-journal replicator --config FILE [--log-level LEVEL]

Carries events from Kafka into the store (Cassandra, PostgreSQL or SQLite) until SIGTERM or SIGINT, then
finishes the writes in hand. Run as many as you like, one where the store is SQLite: Kafka spreads the
partitions. An embedded journal needs none. Logs are JSON lines on standard output.

  --config FILE       the configuration (HOCON)
  --log-level LEVEL   debug, info, warn or error; info unless given

Exit codes: 0 stopped in order, 1 failed, 2 wrong usage or configuration, 3 stopped by force.`,
      run: async (args) => {
        const { runReplicator } = await import('../../replicator/main.ts');
        return await runReplicator(args);
      },
    },
  ],
  [
    'fleet',
    {
      help: `kafka-journal fleet --config FILE [--json]

Prints who owns what in the fleet of the journal that akka.persistence.journal.plugin names: its members, and
the owner of each partition. It only looks: it does not join, and nothing changes. On Kafka it needs the right
DESCRIBE on the group fleet.group.

  --config FILE   the configuration (HOCON)
  --json          print JSON instead of text

Exit codes: 0 done, also when the fleet is off or has no members, 1 failed, 2 wrong usage or configuration.`,
      run: runFleet,
    },
  ],
  [
    'wakeups',
    {
      help: `kafka-journal wakeups list --config FILE [--topic TOPIC] [--limit N] [--json]
kafka-journal wakeups rebuild --config FILE [--topic TOPIC] [--wait SECONDS]

list prints the wake-ups of the journal that akka.persistence.journal.plugin names: of each partition how far they
are complete, and then the time, the reason, the id of the journal and the offset of the append that said it, soonest
first within the partition. Reasons: time = a timer ends; now = work was under way; unknown = nobody has kept what the
entity waits for, so it is opened to see. It only reads, also while the service runs.

rebuild is for partitions that list calls not complete, such as after an update. It asks the replicator of the partition,
which must be of this version, to wake every entity of which nobody has kept what it waits for, and waits until that is
done. It may run again at any time. An embedded journal needs no program that runs. Needs the rights of the replicator.

  --config FILE   the configuration (HOCON)
  --topic TOPIC   the topic; needed where persistence ids name the topics
  --limit N       print at most N of each partition
  --json          print JSON instead of text, one object a line: of a partition, then of each of its wake-ups
  --wait SECONDS  how long to wait for the replicator; 60 unless given. The request stays afterwards

Exit codes: 0 done, 1 failed, or not rebuilt in the time given, 2 wrong usage or configuration.`,
      run: runWakeUps,
    },
  ],
]);

const helpFlags = ['--help', '-h'];
const versionFlags = ['--version', '-v'];

/**
 * The `kafka-journal` program. Help and version, when asked for, are on standard output; what is
 * wrong is on standard error.
 *
 * @param args as typed, without the program's own name
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage or configuration, 3 stopped by force
 */
export async function runCli(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined) return refuse(helpOfAll);
  if (helpFlags.includes(first)) return print(helpOfAll);
  if (versionFlags.includes(first) || first === 'version') return print(libraryVersion);
  if (first === 'help') return helpOn(rest[0]);
  const command = commands.get(first);
  if (command === undefined) return refuse(unknownCommand(first));
  if (rest.some((arg) => helpFlags.includes(arg))) return print(command.help);
  if (rest.some((arg) => versionFlags.includes(arg))) return print(libraryVersion);
  return await command.run(rest);
}

function helpOn(name: string | undefined): number {
  if (name === undefined || name === 'help' || helpFlags.includes(name)) return print(helpOfAll);
  const command = commands.get(name);
  return command === undefined ? refuse(unknownCommand(name)) : print(command.help);
}

/** An option of the program itself is misspelt more often than it is taken for a command. */
function unknownCommand(name: string): string {
  const known = [...commands.keys(), 'help', 'version', ...helpFlags, ...versionFlags];
  const kind = name.startsWith('-') ? 'option' : 'command';
  return `kafka-journal: no ${kind} "${name}"${didYouMean(name, known)}\n\n${helpOfAll}`;
}

function print(text: string): number {
  console.log(text);
  return 0;
}

function refuse(text: string): number {
  console.error(text);
  return 2;
}
