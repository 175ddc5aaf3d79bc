import type { Bill } from '../../contract/index.ts';
import { count, usd } from '../parts/figures.ts';
import { Scrolled } from '../parts/scrolled.tsx';
import { TableHead } from '../parts/table-head.tsx';
import { shortModel } from './waterfall-rows.ts';

/** Lines that are shown; the rest is in the JSON. */
const LINES = 200;

/** What the run cost, call by call, with a bar for each model's part. */
export function BillSection({ bill, href }: { bill: Bill; href: string }) {
  const byModel = [...Map.groupBy(bill.calls, ({ model }) => model)]
    .map(([model, calls]) => ({ model, usd: calls.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0), calls }))
    .sort((a, b) => b.usd - a.usd);
  const most = Math.max(...byModel.map(({ usd: cost }) => cost), 0);
  return (
    <section aria-labelledby="bill">
      <div class="section-head">
        <h2 id="bill">Bill</h2>
        <a class="button quiet small" href={href} target="_blank" rel="noreferrer">
          As JSON
        </a>
      </div>
      <div class="bill-tables">
        <table class="small">
          <caption class="unseen">By model</caption>
          <TableHead words={['Model']} numbers={['Calls', 'Input', 'Output', 'Cost']} />
          <tbody>
            {byModel.map(({ model, usd: cost, calls }) => (
              <tr key={model}>
                <th scope="row">
                  {shortModel(model)}
                  <span
                    class="share"
                    aria-hidden="true"
                    style={{ width: `${most === 0 ? 0 : (cost / most) * 100}%` }}
                  />
                </th>
                <td class="number figures">{count(calls.length)}</td>
                <td class="number figures">{count(calls.reduce((sum, { usage }) => sum + usage.inputTokens, 0))}</td>
                <td class="number figures">{count(calls.reduce((sum, { usage }) => sum + usage.outputTokens, 0))}</td>
                <td class="number figures">{calls.every(({ costUsd }) => costUsd === null) ? '–' : usd(cost)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">In all</th>
              <td class="number figures">{count(bill.calls.length)}</td>
              <td class="number figures">{count(bill.inputTokens)}</td>
              <td class="number figures">{count(bill.outputTokens)}</td>
              <td class="number figures">{usd(bill.totalUsd)}</td>
            </tr>
          </tfoot>
        </table>
        <details>
          <summary>Call by call</summary>
          <Scrolled name="Calls">
            <table class="small">
              <TableHead words={['Step', 'Model']} numbers={['Input', 'Output', 'Cost']} />
              <tbody>
                {bill.calls.slice(0, LINES).map(({ step, model, usage, costUsd, cached, batch, estimated }, n) => (
                  <tr key={n}>
                    <td>{step}</td>
                    <td>
                      {shortModel(model)} {cached && <span class="tag good">cached</span>}
                      {batch && <span class="tag good">batch</span>}
                      {estimated && <span class="tag warn">estimated</span>}
                    </td>
                    <td class="number figures">{count(usage.inputTokens)}</td>
                    <td class="number figures">{count(usage.outputTokens)}</td>
                    <td class="number figures">{usd(costUsd)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scrolled>
          {bill.calls.length > LINES && (
            <p class="quiet small">{count(bill.calls.length - LINES)} more are in the JSON.</p>
          )}
        </details>
        {bill.savedByBatchUsd !== undefined && (
          <p class="quiet small">Batches of providers saved {usd(bill.savedByBatchUsd)}.</p>
        )}
        {bill.unpriced > 0 && (
          <p class="quiet small">
            {bill.unpriced === 1 ? 'One call has' : `${bill.unpriced} calls have`} no known price.
          </p>
        )}
      </div>
    </section>
  );
}
