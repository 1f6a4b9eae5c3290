# Two images from one build: the gateway (default) and `--target control`, the control plane.
#   docker build -t holdfast .
#   docker build -t holdfast-control --target control .
ARG NODE_VERSION=26.10.0

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No scripts: those of the development tools would download a second Node.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src ./src
RUN node node_modules/typescript/bin/tsc -p .
# Without the optional packages: they are the embedded PostgreSQL of `quickstart`.
RUN rm -rf node_modules && npm ci --ignore-scripts --omit=dev --omit=optional

FROM node:${NODE_VERSION}-bookworm-slim AS runtime
ENV NODE_ENV=production \
    HOLDFAST_DATA_DIR=/var/lib/holdfast
WORKDIR /opt/holdfast
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY LICENSE ./
# A number, so that Kubernetes' runAsNonRoot can tell that it is not root.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/holdfast
USER 10001:10001
# Exec form: signals reach the process itself, which is PID 1 and handles SIGTERM, SIGINT and SIGHUP.
ENTRYPOINT ["node", "/opt/holdfast/dist/main.js"]
STOPSIGNAL SIGTERM

FROM runtime AS control
ENV HOLDFAST_ADMIN_LISTEN=0.0.0.0:9180
EXPOSE 9180
# Liveness: it lives, and answers reads from memory, without PostgreSQL.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9180/status').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["control"]

FROM runtime AS gateway
# Reachable for probes and Prometheus; publish 9080 only.
ENV HOLDFAST_STATUS_LISTEN=0.0.0.0:7085 \
    HOLDFAST_METRICS_LISTEN=0.0.0.0:9091
# The backup: what the gateway starts from when PostgreSQL and S3 are away. Keep it.
VOLUME /var/lib/holdfast
EXPOSE 9080 7085 9091
# Readiness. Do not let anything restart a container because of it: a gateway that waits for its first
# configuration is unready and does exactly what it should.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=2 \
  CMD ["node", "/opt/holdfast/dist/main.js", "status"]
CMD ["gateway"]
