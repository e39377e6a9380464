"""What a survey detects at a measured flux: chances of detection, and detections that are no clusters.

Imports `core`.
"""
