"""The statements for Neo4j. Every node has ``library``, so that several libraries can share one server, and ``id``,
which starts with the library's name and a colon and is unique among the nodes of its label."""

SCHEMA = (
    "CREATE CONSTRAINT tonearm_track IF NOT EXISTS FOR (n:Track) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT tonearm_artist IF NOT EXISTS FOR (n:Artist) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT tonearm_album IF NOT EXISTS FOR (n:Album) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT tonearm_genre IF NOT EXISTS FOR (n:Genre) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT tonearm_key IF NOT EXISTS FOR (n:Key) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT tonearm_tempo_band IF NOT EXISTS FOR (n:TempoBand) REQUIRE n.id IS UNIQUE",
    "CREATE INDEX tonearm_track_place IF NOT EXISTS FOR (n:Track) ON (n.place)",
    "CREATE INDEX tonearm_track_tempo IF NOT EXISTS FOR (n:Track) ON (n.key_id, n.tempo)",
)

MERGE_KEYS = """
UNWIND $keys AS key
MERGE (k:Key {id: key.id})
SET k = key
"""

MERGE_WHEEL = """
UNWIND $relations AS wanted
MATCH (k:Key {id: wanted.from}), (next:Key {id: wanted.to})
MERGE (k)-[r:MIXES_WITH {relation: wanted.relation}]->(next)
SET r.weight = wanted.weight
"""

MERGE_TRACKS = """
UNWIND $tracks AS track
MERGE (t:Track {id: track.id})
SET t = track.values
"""

DELETE_OLD_RELATIONS = """
UNWIND $tracks AS track
MATCH (:Track {id: track.id})-[r]->(n)
WHERE NOT n.id IN track.relations
DELETE r
RETURN DISTINCT labels(n)[0] AS label, n.id AS id
"""

MERGE_ARTISTS = """
UNWIND $relations AS relation
MERGE (n:Artist {id: relation.to})
ON CREATE SET n += relation.values
WITH n, relation
MATCH (t:Track {id: relation.from})
MERGE (t)-[r:BY]->(n)
SET r.name = relation.name
"""

MERGE_ALBUMS = """
UNWIND $relations AS relation
MERGE (n:Album {id: relation.to})
ON CREATE SET n += relation.values
WITH n, relation
MATCH (t:Track {id: relation.from})
MERGE (t)-[r:ON]->(n)
SET r.name = relation.name
"""

MERGE_GENRES = """
UNWIND $relations AS relation
MERGE (n:Genre {id: relation.to})
ON CREATE SET n += relation.values
WITH n, relation
MATCH (t:Track {id: relation.from})
MERGE (t)-[r:OF]->(n)
SET r.name = relation.name
"""

MERGE_TEMPO_BANDS = """
UNWIND $relations AS relation
MERGE (n:TempoBand {id: relation.to})
ON CREATE SET n += relation.values
WITH n, relation
MATCH (t:Track {id: relation.from})
MERGE (t)-[:AT]->(n)
"""

MERGE_TRACK_KEYS = """
UNWIND $relations AS relation
MATCH (n:Key {id: relation.to}), (t:Track {id: relation.from})
MERGE (t)-[:IN]->(n)
"""

DELETE_TRACKS = """
UNWIND $ids AS id
MATCH (t:Track {id: id})
OPTIONAL MATCH (t)-->(n)
WITH t, collect({label: labels(n)[0], id: n.id}) AS relations
DETACH DELETE t
WITH relations
UNWIND relations AS relation
RETURN DISTINCT relation.label AS label, relation.id AS id
"""

DELETE_ORPHANS = {
    "Artist": "UNWIND $ids AS id MATCH (n:Artist {id: id}) WHERE NOT EXISTS { (n)<--() } DELETE n",
    "Album": "UNWIND $ids AS id MATCH (n:Album {id: id}) WHERE NOT EXISTS { (n)<--() } DELETE n",
    "Genre": "UNWIND $ids AS id MATCH (n:Genre {id: id}) WHERE NOT EXISTS { (n)<--() } DELETE n",
    "TempoBand": "UNWIND $ids AS id MATCH (n:TempoBand {id: id}) WHERE NOT EXISTS { (n)<--() } DELETE n",
}
"""Nodes that no track is related to any more; keys stay."""

CLEAR = (
    "MATCH (n:Track) WHERE n.id STARTS WITH $start WITH n LIMIT $count DETACH DELETE n RETURN count(*)",
    "MATCH (n:Artist) WHERE n.id STARTS WITH $start WITH n LIMIT $count DETACH DELETE n RETURN count(*)",
    "MATCH (n:Album) WHERE n.id STARTS WITH $start WITH n LIMIT $count DETACH DELETE n RETURN count(*)",
    "MATCH (n:Genre) WHERE n.id STARTS WITH $start WITH n LIMIT $count DETACH DELETE n RETURN count(*)",
    "MATCH (n:TempoBand) WHERE n.id STARTS WITH $start WITH n LIMIT $count DETACH DELETE n RETURN count(*)",
    "MATCH (n:Key) WHERE n.id STARTS WITH $start WITH n LIMIT $count DETACH DELETE n RETURN count(*)",
)
"""Deletes nodes in batches, tracks first and their relations with them."""

COUNT = {
    "tracks": "MATCH (n:Track) WHERE n.id STARTS WITH $start RETURN count(n) AS count",
    "artists": "MATCH (n:Artist) WHERE n.id STARTS WITH $start RETURN count(n) AS count",
    "albums": "MATCH (n:Album) WHERE n.id STARTS WITH $start RETURN count(n) AS count",
    "genres": "MATCH (n:Genre) WHERE n.id STARTS WITH $start RETURN count(n) AS count",
    "keys": "MATCH (n:Key) WHERE n.id STARTS WITH $start AND EXISTS { (n)<-[:IN]-() } RETURN count(n) AS count",
    "tempo_bands": "MATCH (n:TempoBand) WHERE n.id STARTS WITH $start RETURN count(n) AS count",
}

AT_PLACE = "MATCH (t:Track {place: $place}) RETURN t ORDER BY t.file DESC LIMIT 1"
BY_FILE = "UNWIND $ids AS id MATCH (t:Track {id: id}) RETURN t"

NEAR = """
MATCH (:Key {id: $key})-[:MIXES_WITH]->(k:Key)
UNWIND $tempos AS range
MATCH (t:Track)
WHERE t.key_id = k.id AND t.tempo >= range[0] AND t.tempo <= range[1]
RETURN t.file, t.path, t.audio, t.camelot, t.tempo, t.energy
"""

AT_POINTS = """
UNWIND $points AS point
MATCH (t:Track)
WHERE t.key_id = point[0] AND t.tempo = point[1]
RETURN t.file, t.path, t.audio, t.camelot, t.tempo, t.energy
"""

POINTS = """
MATCH (k:Key) WHERE k.id STARTS WITH $start
MATCH (t:Track) WHERE t.key_id = k.id AND t.tempo >= 0
RETURN DISTINCT k.camelot, t.tempo
"""

HAS_ARTIST = "RETURN EXISTS { (:Artist {id: $id}) } AS there"

NEIGHBOURS = {
    "common": """
UNWIND $ids AS id
MATCH (a:Artist {id: id})<-[:BY]-(:Track)-[:ON|OF]->(n)
RETURN DISTINCT a.label AS node, labels(n)[0] AS label, n.label AS other
""",
    "together": """
UNWIND $ids AS id
MATCH (a:Artist {id: id})<-[:BY]-(t:Track)
WHERE COUNT { (t)-[:BY]->() } > 1
RETURN DISTINCT a.label AS node, 'Track' AS label, t.path AS other
""",
    "Album": """
UNWIND $ids AS id
MATCH (n:Album {id: id})<-[:ON]-(:Track)-[:BY]->(a:Artist)
RETURN DISTINCT n.label AS node, 'Artist' AS label, a.label AS other
""",
    "Genre": """
UNWIND $ids AS id
MATCH (n:Genre {id: id})<-[:OF]-(:Track)-[:BY]->(a:Artist)
RETURN DISTINCT n.label AS node, 'Artist' AS label, a.label AS other
""",
    "Track": """
UNWIND $ids AS place
MATCH (t:Track {place: place})-[:BY]->(a:Artist)
RETURN DISTINCT t.path AS node, 'Artist' AS label, a.label AS other
""",
}

NAMES = {
    "Artist": "UNWIND $ids AS id MATCH (n:Artist {id: id})<-[r:BY]-() RETURN n.label, collect(DISTINCT r.name)",
    "Album": "UNWIND $ids AS id MATCH (n:Album {id: id})<-[r:ON]-() RETURN n.label, collect(DISTINCT r.name)",
    "Genre": "UNWIND $ids AS id MATCH (n:Genre {id: id})<-[r:OF]-() RETURN n.label, collect(DISTINCT r.name)",
    "Track": "UNWIND $ids AS place MATCH (t:Track {place: place}) RETURN t.path, collect(t.title)",
}
