// A foreign client: OpenTelemetry JavaScript with each of its exporters, as its documentation shows them.
// node send.mjs URL KEY COUNT COMPRESSION json|proto|grpc; prints the ids of the spans that it made.
import { credentials, Metadata } from "@grpc/grpc-js";
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const PATIENCE_MS = 600_000; // of its own it gives up after ten seconds
const [url, key, count, compression, transport] = process.argv.slice(2);
const authorization = `Bearer ${key}`;
const shared = { compression, timeoutMillis: PATIENCE_MS };
const http = { ...shared, url: `${url}/v1/traces`, headers: { authorization } };
const metadata = new Metadata();
metadata.set("authorization", authorization);
const exporter = {
  json: () => new JsonExporter(http),
  proto: () => new ProtoExporter(http),
  grpc: () => new GrpcExporter({ ...shared, url, credentials: credentials.createInsecure(), metadata }),
}[transport]();
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": "js-shop", "host.owner": "dave.canary@example.org" }),
  spanProcessors: [new BatchSpanProcessor(exporter, { maxExportBatchSize: 64, maxQueueSize: 4096, exportTimeoutMillis: PATIENCE_MS })],
});
const tracer = provider.getTracer("js-agent", "1.0.0");
const ids = [];
for (let number = 0; number < Number(count); number += 1) {
  const span = tracer.startSpan(`execute_tool search ${number}`, {
    kind: SpanKind.INTERNAL,
    attributes: {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "search",
      "gen_ai.tool.call.arguments": JSON.stringify({ number, to: "dave.canary@example.org" }),
      "user.id": "dave.canary@example.org",
      attempt: number,
      ratio: 0.5,
      tags: ["a", "b"],
      cut: "half a pair \ud83d",
    },
  });
  span.addEvent("asked", { by: "dave.canary@example.org" });
  if (number === 0) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: "no answer for dave.canary@example.org" });
  }
  span.end();
  ids.push(span.spanContext().spanId);
}
await provider.forceFlush();
await provider.shutdown();
trace.disable();
console.log(JSON.stringify(ids));
