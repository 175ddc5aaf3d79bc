import type { CallError, ToolCall } from '../contract/index.ts';
import type { SpanContent } from './model-spans.ts';
import { ATTRIBUTE, OPERATION } from './names.ts';
import { attributesOf, inSpan, tracer } from './run-context.ts';

/** Runs a tool in a span by the conventions' `execute_tool`. */
export function inToolSpan<Result>(
  { run, step, tool, id, by, arguments: args }: ToolCall,
  { redact }: SpanContent,
  work: () => Promise<Result>,
  errorOf: (thrown: unknown) => CallError,
): Promise<Result> {
  const attributes = {
    [ATTRIBUTE.operation]: OPERATION.tool,
    [ATTRIBUTE.toolName]: tool,
    [ATTRIBUTE.toolCallId]: id,
    [ATTRIBUTE.toolType]: 'function',
    [ATTRIBUTE.agentName]: by,
    [ATTRIBUTE.step]: step,
    ...attributesOf(run),
    ...(redact && { [ATTRIBUTE.toolArguments]: redact(JSON.stringify(args)) }),
  };
  return inSpan(tracer().startSpan(`${OPERATION.tool} ${tool}`, { attributes }), work, errorOf);
}
