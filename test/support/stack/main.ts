import { parseArgs } from 'node:util';
import { postgresHost } from './environment-servers.ts';
import { openStack } from './open-stack.ts';
import { missingText } from './opened-stack.ts';
import { cassandraState, kafkaApiCount, postgresAnswers } from './probes.ts';
import { stackEnvironment } from './server-variables.ts';
import {
  type ServerName,
  type Stack,
  type StackProfile,
  serverNames,
  stackProfiles,
} from './stack.ts';
import { readUpState, stopUpStack, type UpState, writeUpState } from './up-state.ts';

/** The command line is wrong; the usage follows. */
class UsageError extends Error {}

const usage = `usage: npm run stack -- COMMAND [--profile quick|keep|bench] [--secured]

  up      starts Kafka, Cassandra and PostgreSQL and leaves them running
  down    stops them and removes their data
  status  says whether they answer; exit code 1 if not
  env     prints what to export: eval "$(npm run --silent stack -- env)"`;

type Command = (options: Options) => Promise<number>;

const commands: Readonly<Record<string, Command>> = {
  up,
  down,
  status,
  env: printEnvironment,
};

interface Options {
  readonly profile: StackProfile;
  readonly secured: boolean;
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const { command, options } = parse(args);
    return await command(options);
  } catch (error) {
    console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : error);
    return error instanceof UsageError ? 2 : 1;
  }
}

function parse(args: readonly string[]): { command: Command; options: Options } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { profile: { type: 'string' }, secured: { type: 'boolean' } },
  });
  const command = commands[positionals[0] ?? ''];
  const { secured = false } = values;
  const profile = stackProfiles.find((name) => name === (values.profile ?? 'quick'));
  if (command === undefined || positionals.length !== 1) throw new UsageError('no such command');
  if (profile === undefined) throw new UsageError('no such profile');
  return { command, options: { profile, secured } };
}

async function up({ profile, secured }: Options): Promise<number> {
  const running = readUpState();
  if (running !== undefined && (await answers(running))) {
    console.log('already up; `down` first for another profile');
    print(running);
    return 0;
  }
  if (running !== undefined) await stopUpStack(running);
  const started = Date.now();
  const note = (line: string): void => console.error(line);
  const stack = await openStack({ profile, secured, detached: true, name: 'up', note });
  if (stack.missing.length > 0) {
    await stack[Symbol.asyncDispose]();
    for (const missing of stack.missing) console.error(missingText(missing));
    return 1;
  }
  const state = writeUpState(describe(stack));
  console.log(`up after ${((Date.now() - started) / 1_000).toFixed(1)} s`);
  print(state);
  return 0;
}

async function down(): Promise<number> {
  const state = readUpState();
  if (state !== undefined) await stopUpStack(state);
  console.log(state === undefined ? 'nothing was up' : 'down');
  return 0;
}

async function status(): Promise<number> {
  const state = readUpState();
  if (state === undefined || !(await answers(state))) {
    console.log('down');
    return 1;
  }
  print(state);
  return 0;
}

async function printEnvironment(): Promise<number> {
  const state = readUpState();
  if (state === undefined) {
    console.error('nothing is up: npm run stack -- up');
    return 1;
  }
  for (const [name, value] of Object.entries(state.environment)) {
    console.log(`export ${name}='${value}'`);
  }
  return 0;
}

function describe(stack: Stack): UpState {
  const server = (name: ServerName) => ({
    address: stack[name].address,
    pid: stack[name].pid,
    source: stack.sources[name],
  });
  return {
    profile: stack.profile,
    kafka: server('kafka'),
    cassandra: server('cassandra'),
    postgres: server('postgres'),
    logins: stack.logins,
    folders: stack.folders,
    environment: stackEnvironment(stack),
  };
}

async function answers({ kafka, cassandra, postgres }: UpState): Promise<boolean> {
  const probes = [
    kafkaApiCount(kafka.address),
    cassandraState(cassandra.address),
    postgresAnswers(postgresHost(postgres.address)),
  ];
  const outcomes = await Promise.allSettled(probes);
  return outcomes.every((outcome) => outcome.status === 'fulfilled');
}

function print(state: UpState): void {
  for (const name of serverNames) {
    console.log(`${name.padEnd(10)} ${state[name].address} (${state[name].source})`);
  }
  console.log(`profile    ${state.profile}`);
  for (const folder of state.folders) console.log(`folder     ${folder}`);
  for (const { username, password } of Object.values(state.logins ?? {})) {
    console.log(`login      ${username} ${password}`);
  }
}
