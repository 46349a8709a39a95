import { openAccounts } from './remote-accounts.ts';

/**
 * Another instance of the fleet of `remote.ask`, until SIGTERM.
 *
 *     node remote-process.ts CONFIG-FILE
 */
const [file = ''] = process.argv.slice(2);
const { close } = await openAccounts({ file });
process.once('SIGTERM', () => void close().then(() => process.exit()));
process.once('disconnect', () => process.exit());
process.send?.('ready');
