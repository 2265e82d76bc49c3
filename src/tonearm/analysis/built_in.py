"""The declarations of Tonearm's own analysers, in the order in which they are run and shown."""

from tonearm.analysis.declaration import AnalyserSpec, Column, Series

TEMPO = AnalyserSpec(
    name="tempo",
    version=4,
    implementation="tonearm.analysis.tempo:TempoAnalyser",
    inputs=("spectrum",),
    columns=(
        Column("bpm", float, "tempo", "tempo of the whole track", "BPM", 2),
        Column("bpm_confidence", float, "tempo confidence", "0 to 1: how certain the tempo is", digits=2),
        Column("loose_pulse", bool, "loose pulse", "whether the beat is so faint that it may be none"),
        Column(
            "bpm_alternatives",
            object,
            "other tempi",
            "tempi that it could be counted in instead, the likeliest first",
            "BPM",
            searchable=False,
        ),
        Column("bpm_start", float, "tempo at the start", "tempo of the first 30 seconds", "BPM", 2),
        Column("bpm_end", float, "tempo at the end", "tempo of the last 30 seconds", "BPM", 2),
        Column(
            "tempo_stability", float, "tempo stability", "0 to 1: 1 where the tempo never moves", digits=2
        ),
    ),
    series=(
        Series("beats", "beats", "times of the beats", "s", absent=()),
        Series("tempo_windows", "tempo curve", "tempo of one stretch after another", "BPM", absent=()),
    ),
    options=("window_s",),
)

KEY = AnalyserSpec(
    name="key",
    version=3,
    implementation="tonearm.analysis.key:KeyAnalyser",
    inputs=("key",),
    columns=(
        Column("key", str, "key", "root and mode"),
        Column("key_root", str, "root", "root of the key"),
        Column("key_mode", str, "mode", "major or minor"),
        Column("camelot", str, "Camelot", "code of the key on the Camelot wheel"),
        Column("open_key", str, "Open Key", "code of the key in the Open Key notation"),
        Column(
            "key_confidence", float, "key confidence", "0 to 1: its probability among all 24 keys", digits=2
        ),
        Column("key_alternative", str, "second key", "the key that fits second best"),
        Column("tuning_cents", float, "tuning", "offset of the music's A from 440 Hz", "cents", 0),
    ),
    series=(
        Series("chroma", "chroma", "shares of the twelve pitch classes from C to B, sum 1"),
        Series("key_windows", "keys over time", "key of every 20 seconds", absent=()),
    ),
)

LOUDNESS = AnalyserSpec(
    name="loudness",
    version=3,
    implementation="tonearm.analysis.loudness:LoudnessAnalyser",
    inputs=("samples",),
    columns=(
        Column("loudness_lufs", float, "loudness", "integrated loudness, EBU R 128", "LUFS", 1),
        Column("loudness_range_lu", float, "loudness range", "EBU Tech 3342", "LU", 1),
        Column("true_peak_dbtp", float, "true peak", "highest peak between the samples", "dBTP", 1),
        Column("sample_peak_dbfs", float, "sample peak", "highest sample", "dBFS", 1),
        Column("max_momentary_lufs", float, "loudest 400 ms", "highest momentary loudness", "LUFS", 1),
        Column("max_short_term_lufs", float, "loudest 3 s", "highest short-term loudness", "LUFS", 1),
        Column("replaygain_track_gain_db", float, "ReplayGain", "gain that brings it to −18 LUFS", "dB", 2),
        Column("replaygain_track_peak", float, "ReplayGain peak", "true peak, 1 for full scale", digits=3),
    ),
    series=(
        Series("loudness_curve", "loudness curve", "short-term loudness, one value a second", "LUFS"),
        Series("loudness_blocks", "loudness blocks", "how many blocks of 400 ms have which level", "blocks"),
    ),
)

CHARACTER = AnalyserSpec(
    name="character",
    version=3,
    implementation="tonearm.analysis.descriptors:DescriptorAnalyser",
    inputs=("samples", "spectrum"),
    columns=(
        Column("spectral_centroid_hz", float, "spectral centroid", "mean frequency by power", "Hz", 0),
        Column("spectral_spread_hz", float, "spectral spread", "standard deviation of frequency", "Hz", 0),
        Column("spectral_rolloff_hz", float, "spectral roll-off", "85 % of the power lies below", "Hz", 0),
        Column("spectral_flatness", float, "spectral flatness", "0 for a tone, 1 for white noise", digits=3),
        Column("brightness", float, "brightness", "0 to 1: share of amplitude above 1500 Hz", digits=2),
        Column("spectral_flux", float, "spectral flux", "0 to 1: share of the sound that is new", digits=3),
        Column("dynamics_db", float, "dynamics", "distance of soft from loud passages", "dB", 1),
        Column("crest_db", float, "crest factor", "peak over root mean square", "dB", 1),
        Column(
            "band_balance",
            object,
            "band balance",
            "shares of power in 30–150, 150–500, 500–2000, 2000–6000 and 6000–11,000 Hz",
            digits=2,
            searchable=False,
        ),
        Column("energy", float, "energy", "0 to 1: level and movement", digits=2),
        Column("energy_level", int, "energy level", "1 to 10: the tenth of the range in which energy lies"),
        Column(
            "danceability", float, "danceability", "0 to 1: how strictly level and onsets pulse", digits=2
        ),
        Column("mood_arousal", float, "arousal", "0 to 1: calm to excited", digits=2),
    ),
)

WAVEFORM = AnalyserSpec(
    name="waveform",
    version=1,
    implementation="tonearm.analysis.waveform:WaveformAnalyser",
    inputs=("low", "key"),
    columns=(
        Column(
            "waveform_step_s",
            float,
            "waveform step",
            "seconds from one column of the waveform to the next",
            "s",
            digits=3,
            searchable=False,
        ),
    ),
    series=tuple(
        Series(
            f"waveform_{band}",
            f"{word}, waveform",
            f"level of the {word} frequencies, 0 for full scale",
            "dB",
            (),
        )
        for band, word in (("low", "low"), ("mid", "middle"), ("high", "high"))
    ),
)

BUILT_IN = (TEMPO, KEY, LOUDNESS, CHARACTER, WAVEFORM)
