import type { Command } from 'commander';
import { loadConfig } from '../../config/index.ts';
import { openLog } from '../log.ts';
import { VERSION } from '../version.ts';
import { withClient } from '../with-client.ts';

export function configure(command: Command): void {
  command
    .addHelpText(
      'after',
      '\nExample, in the config of an MCP client:\n  {"command": "npx", "args": ["cadenza", "mcp"]}',
    )
    .action(() =>
      withClient(async (client) => {
        const { serveStdio, StdioServerTransport } = await import('@modelcontextprotocol/server/stdio');
        const { mcpServer } = await import('../../gateway/mcp/mcp-server.ts');
        const workflows = Object.keys((await loadConfig()).workflows);
        const log = openLog(process.env, 'error');
        const ended = Promise.withResolvers<void>();
        const transport = new StdioServerTransport();
        const handle = serveStdio((context) => mcpServer({ client, workflows, version: VERSION, log }, {}, context), {
          transport,
        });
        // The client hangs up by closing our input; runs go on.
        process.stdin.once('close', () => ended.resolve());
        process.stdin.once('end', () => ended.resolve());
        await ended.promise;
        await handle.close();
      }),
    );
}
