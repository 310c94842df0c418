"""Histories from elsewhere: tables of steps, and long exports of a historian, made into episodes of a loop."""
