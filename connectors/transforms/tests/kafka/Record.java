import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/**
 * Has Apache Kafka's own transforms and predicates work on cases, one JSON object a line on standard input, and prints each with
 * what came of it. `tests/recorded.rs` says what the fields mean; README.md how to run this.
 */
public class Record {
    static final ObjectMapper JSON = new ObjectMapper();
    static final JsonConverter CONVERTER = new JsonConverter();
    static final String PACKAGE = "org.apache.kafka.connect.transforms.";

    public static void main(String[] args) throws Exception {
        Map<String, Object> options = new HashMap<>();
        options.put("schemas.enable", "true");
        options.put("decimal.format", "NUMERIC");
        options.put("replace.null.with.default", "false");
        CONVERTER.configure(options, false);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        StringBuilder out = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            ObjectNode given = (ObjectNode) JSON.readTree(line);
            given.set("outcome", outcome(given));
            out.append(JSON.writeValueAsString(given)).append('\n');
        }
        System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    @SuppressWarnings("unchecked")
    static ObjectNode outcome(ObjectNode given) {
        ObjectNode outcome = JSON.createObjectNode();
        Object plugin;
        Map<String, String> config = new HashMap<>();
        given.get("config").fields().forEachRemaining(entry -> config.put(entry.getKey(), entry.getValue().asText()));
        try {
            plugin = Class.forName(PACKAGE + given.get("class").asText()).getDeclaredConstructor().newInstance();
            if (plugin instanceof Transformation) {
                ((Transformation<?>) plugin).configure(config);
            } else {
                ((Predicate<?>) plugin).configure(config);
            }
        } catch (Exception why) {
            return outcome.put("refused", why.toString());
        }
        ConnectRecord<?> changed;
        try {
            ConnectRecord<?> record = record(given.get("record"));
            if (plugin instanceof Predicate) {
                return outcome.put("answer", ((Predicate) plugin).test(record));
            }
            changed = ((Transformation) plugin).apply(record);
        } catch (Exception why) {
            return outcome.put("error", why.toString());
        }
        if (changed == null) {
            return outcome.put("dropped", true);
        }
        try {
            outcome.put("topic", changed.topic());
            outcome.put("partition", changed.kafkaPartition());
            outcome.put("timestamp", changed.timestamp());
            outcome.set("key", shown(changed.keySchema(), changed.key()));
            outcome.set("value", shown(changed.valueSchema(), changed.value()));
            ArrayNode headers = outcome.putArray("headers");
            for (Header header : changed.headers()) {
                headers.addArray().add(header.key()).add(shown(header.schema(), header.value()));
            }
            return outcome;
        } catch (Exception why) {
            // What the transform made does not fit its own schema.
            return JSON.createObjectNode().put("broken", why.toString());
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static ConnectRecord<?> record(JsonNode given) {
        SchemaAndValue key = read(given.get("key"));
        SchemaAndValue value = read(given.get("value"));
        ConnectHeaders headers = new ConnectHeaders();
        if (given.hasNonNull("headers")) {
            given.get("headers").forEach(header -> headers.add(header.get(0).asText(), read(header.get(1))));
        }
        String topic = given.path("topic").asText("t");
        Integer partition = given.hasNonNull("partition") ? given.get("partition").intValue() : null;
        Long timestamp = given.hasNonNull("timestamp") ? given.get("timestamp").longValue() : null;
        if (given.hasNonNull("offset")) {
            return new SinkRecord(topic, partition, key.schema(), key.value(), value.schema(), value.value(),
                given.get("offset").longValue(), timestamp, TimestampType.CREATE_TIME, headers);
        }
        return new SourceRecord(new HashMap<String, Object>(), new HashMap<String, Object>(), topic, partition, key.schema(),
            key.value(), value.schema(), value.value(), timestamp, headers);
    }

    static SchemaAndValue read(JsonNode given) {
        if (given == null || given.isNull()) {
            return SchemaAndValue.NULL;
        }
        if (given.has("plain")) {
            return new SchemaAndValue(null, readPlain(given.get("plain")));
        }
        return CONVERTER.toConnectData("t", given.toString().getBytes(StandardCharsets.UTF_8));
    }

    static Object readPlain(JsonNode given) {
        if (given.isNull()) {
            return null;
        } else if (given.isBoolean()) {
            return given.booleanValue();
        } else if (given.isTextual()) {
            return given.textValue();
        } else if (given.isIntegralNumber()) {
            return given.longValue();
        } else if (given.isArray()) {
            List<Object> items = new ArrayList<>();
            given.forEach(item -> items.add(readPlain(item)));
            return items;
        } else if (given.has("$")) {
            String text = given.get("v").asText();
            switch (given.get("$").asText()) {
                case "int8": return Byte.valueOf(text);
                case "int16": return Short.valueOf(text);
                case "int32": return Integer.valueOf(text);
                case "float32": return Float.valueOf(text);
                case "float64": return Double.valueOf(text);
                case "bytes": return Base64.getDecoder().decode(text);
                default: return new BigDecimal(text);
            }
        }
        Map<String, Object> map = new LinkedHashMap<>();
        given.fields().forEachRemaining(entry -> map.put(entry.getKey(), readPlain(entry.getValue())));
        return map;
    }

    static JsonNode shown(Schema schema, Object value) throws Exception {
        if (schema == null) {
            return value == null ? JSON.nullNode() : JSON.createObjectNode().set("plain", plain(value));
        }
        return JSON.readTree(CONVERTER.fromConnectData("t", schema, value));
    }

    static JsonNode plain(Object value) {
        if (value == null) {
            return JSON.nullNode();
        } else if (value instanceof Boolean) {
            return JSON.getNodeFactory().booleanNode((Boolean) value);
        } else if (value instanceof String) {
            return JSON.getNodeFactory().textNode((String) value);
        } else if (value instanceof Long) {
            return JSON.getNodeFactory().numberNode((Long) value);
        } else if (value instanceof java.util.Date) {
            return JSON.getNodeFactory().numberNode(((java.util.Date) value).getTime());
        } else if (value instanceof List) {
            ArrayNode items = JSON.createArrayNode();
            ((List<?>) value).forEach(item -> items.add(plain(item)));
            return items;
        } else if (value instanceof Map) {
            ObjectNode fields = JSON.createObjectNode();
            ((Map<?, ?>) value).forEach((name, field) -> fields.set(String.valueOf(name), plain(field)));
            return fields;
        } else if (value instanceof byte[]) {
            return tagged("bytes", Base64.getEncoder().encodeToString((byte[]) value));
        } else if (value instanceof BigDecimal) {
            return tagged("decimal", ((BigDecimal) value).toPlainString());
        }
        Map<Class<?>, String> names = Map.of(Byte.class, "int8", Short.class, "int16", Integer.class, "int32", Float.class,
            "float32", Double.class, "float64");
        return tagged(names.get(value.getClass()), value.toString());
    }

    static ObjectNode tagged(String type, String text) {
        return JSON.createObjectNode().put("$", type).put("v", text);
    }
}
