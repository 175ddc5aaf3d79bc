export { asData } from './as-data.ts';
export { builtinTools } from './builtin-tools.ts';
export { type GuardOptions, guardedFetch } from './guard/guarded-fetch.ts';
export { narrowed } from './guard/reach.ts';
export { mcpSources } from './mcp/source.ts';
export { openApiSources } from './openapi/source.ts';
export { ownTools } from './own-tools.ts';
export { type ToolRegistry, type ToolSource, toolRegistry, type UsedTool } from './registry.ts';
export { documentTools } from './search-documents.ts';
export { skillTools } from './skills.ts';
export {
  asUnfinished,
  defineTool,
  type RunFile,
  type RunFiles,
  type Tool,
  type ToolContext,
  ToolFailure,
  unfinished,
} from './tool.ts';
