"""The analysers, in the order in which they are run and shown."""

from tonearm.analysis.analyser import Analyser
from tonearm.analysis.descriptors import DescriptorAnalyser
from tonearm.analysis.key import KeyAnalyser
from tonearm.analysis.loudness import LoudnessAnalyser
from tonearm.analysis.tempo import TempoAnalyser

ANALYSERS: tuple[type[Analyser], ...] = (TempoAnalyser, KeyAnalyser, LoudnessAnalyser, DescriptorAnalyser)
